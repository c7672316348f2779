//! Writing to and reading from a child at once, with a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::frame::{self, PREFIX};

/// What a child says on standard error before it dies fits in this; only the end is kept.
const ERROR_BYTES: usize = 4096;

/// The parent's ends of a child's pipes.
pub(super) struct Pipes {
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
    /// The last words of the child.
    pub(super) error: Vec<u8>,
}

/// How an exchange ended without an answer.
pub(super) enum Failure {
    /// The deadline passed.
    Late,
    /// The child closed its pipes.
    Closed,
    /// The answer is larger than allowed.
    TooLarge(u64),
    /// The pipes failed.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

impl Pipes {
    /// Takes the pipes of a child that was started with all three.
    pub(super) fn of(child: &mut Child) -> io::Result<Self> {
        let missing = || io::Error::other("the child was started without pipes");
        let pipes = Self {
            stdin: child.stdin.take().ok_or_else(missing)?,
            stdout: child.stdout.take().ok_or_else(missing)?,
            stderr: child.stderr.take().ok_or_else(missing)?,
            error: Vec::new(),
        };
        for fd in [
            pipes.stdin.as_fd(),
            pipes.stdout.as_fd(),
            pipes.stderr.as_fd(),
        ] {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        Ok(pipes)
    }

    /// Sends the parts of a request and returns the head and the body of the answer.
    pub(super) fn exchange(
        &mut self,
        request: [&[u8]; 2],
        deadline: Instant,
        output_bytes_max: u64,
    ) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let mut to_send = request.into_iter();
        let mut sending = to_send.next().unwrap_or_default();
        let mut answer = Vec::new();
        let mut expected: Option<(u64, u64)> = None;
        loop {
            while sending.is_empty() {
                match to_send.next() {
                    Some(next) => sending = next,
                    None => break,
                }
            }
            let (writable, readable) = self.wait(!sending.is_empty(), deadline)?;
            if writable {
                match self.stdin.write(sending) {
                    Ok(n) => sending = &sending[n..],
                    Err(e) if is_transient(&e) => {}
                    // The child is gone: what it said, if anything, is still in the pipe.
                    Err(e) if e.kind() == ErrorKind::BrokenPipe => sending = &[],
                    Err(e) => return Err(e.into()),
                }
            }
            self.drain_error();
            if !readable {
                continue;
            }
            let closed = self.read_some(&mut answer)?;
            if expected.is_none()
                && let Some(prefix) = answer.first_chunk::<PREFIX>()
            {
                let (head, body) = frame::lengths(*prefix);
                let size = head.saturating_add(body);
                if size > output_bytes_max {
                    return Err(Failure::TooLarge(size));
                }
                expected = Some((head, body));
            }
            if let Some((head, body)) = expected {
                let head_end = PREFIX + head as usize;
                if answer.len() >= head_end + body as usize {
                    let body = answer.split_off(head_end);
                    answer.drain(..PREFIX);
                    return Ok((answer, body));
                }
            }
            if closed {
                self.drain_error();
                return Err(Failure::Closed);
            }
        }
    }

    /// Waits until a pipe is ready: whether the child takes more, and whether it says something.
    fn wait(&self, sending: bool, deadline: Instant) -> Result<(bool, bool), Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::Late);
        }
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = vec![
            PollFd::new(&self.stdout, PollFlags::IN),
            PollFd::new(&self.stderr, PollFlags::IN),
        ];
        if sending {
            fds.push(PollFd::new(&self.stdin, PollFlags::OUT));
        }
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let ready = |i: usize| fds.get(i).is_some_and(|fd| !fd.revents().is_empty());
        // An error pipe closed before the answer pipe would wake us for nothing, again and again;
        // the answer pipe closes with it.
        Ok((ready(2), ready(0) || ready(1)))
    }

    /// Reads what is there. `true` when the child closed the pipe.
    fn read_some(&mut self, answer: &mut Vec<u8>) -> io::Result<bool> {
        let mut buffer = [0; 64 << 10];
        for _ in 0..64 {
            match self.stdout.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(n) => answer.extend_from_slice(&buffer[..n]),
                Err(e) if is_transient(&e) => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        Ok(false)
    }

    fn drain_error(&mut self) {
        let mut buffer = [0; ERROR_BYTES];
        while let Ok(n) = self.stderr.read(&mut buffer) {
            if n == 0 {
                return;
            }
            self.error.extend_from_slice(&buffer[..n]);
            let extra = self.error.len().saturating_sub(ERROR_BYTES);
            self.error.drain(..extra);
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
