//! Who may speak to us, and what every response carries.
//!
//! Two ways are open to a foreign page in the agent's own browser, and both are closed here, whether
//! people sign in or not: a name of its own that it makes resolve to us (DNS rebinding), by the hosts
//! we answer to; and a form that it sends to us (cross-site request forgery), by its origin. Who is
//! let in is asked behind this, in [`door`](crate::door).

use std::net::{Ipv4Addr, Ipv6Addr};

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api;
use crate::door::Present;
use crate::problem::Problem;
use crate::visit::Visit;
use crate::{Front, Office};

/// The longest address that is looked at, in bytes.
const ADDRESS_BYTES_MAX: usize = 8 * 1024;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What every response carries.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Refuses what does not come from a page of ours, or asks for another host.
pub(crate) async fn admit(
    State(office): State<Arc<Office>>,
    request: Request,
    next: Next,
) -> Response {
    if request
        .uri()
        .path_and_query()
        .is_some_and(|p| p.as_str().len() > ADDRESS_BYTES_MAX)
    {
        return Problem::TooLong.into_response();
    }
    let Some(host) = our_host(&office.front, request.headers(), request.uri()) else {
        return Problem::ForeignHost.into_response();
    };
    // Nothing that a browser sends by itself serves in the API: what changes something shows a token.
    let is_form = !api::is_of(request.uri().path());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && is_form && !same_origin(request.headers(), &host) {
        return Problem::ForeignForm.into_response();
    }
    let is_secure = !is_loopback(&host);
    let mut response = next.run(request).await;
    if is_secure {
        // TLS is before us: a browser that came by it once never comes without.
        response.headers_mut().insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

/// Whether the browser comes through TLS, which is before us: not so on this machine.
pub(crate) fn is_secure(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    !host.is_some_and(is_loopback)
}

/// Gives every response its headers, every problem its page, and the log a line without content:
/// the route, never the address, which may hold words searched.
pub(crate) async fn dress(request: Request, next: Next) -> Response {
    let mut visit = Visit::of(request.uri());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|p| p.as_str().to_owned());
    let mut response = next.run(request).await;
    if let Some(present) = response.extensions_mut().remove::<Present>() {
        visit.present = present;
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let wait = problem.wait();
        response = match api::is_of(&path) {
            true => problem.json(&visit),
            false => problem.page(&visit),
        };
        if let Some(wait) = wait {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, wait.into());
        }
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    tracing::debug!(%method, route, status = response.status().as_u16(), "page");
    response
}

/// The host that is asked for, when it is this machine under one of its own names, or a name that it
/// was told to answer to.
fn our_host(front: &Front, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let ours = |host: &str| is_loopback(host) || front.answers_to(host);
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    if hosts.next().is_some() || !ours(host) {
        return None;
    }
    // `GET http://elsewhere/ HTTP/1.1` names a host twice.
    match uri.authority() {
        Some(authority) if !ours(authority.as_str()) => None,
        _ => Some(host.to_owned()),
    }
}

/// Whether `host`, with or without a port, is `localhost` or a loopback address.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (
                name,
                port.strip_prefix(':').or(port.is_empty().then_some("")),
            ),
            None => return false,
        },
        None => host
            .split_once(':')
            .map_or((host, Some("")), |(name, port)| (name, Some(port))),
    };
    let Some(port) = port else { return false };
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    if host.starts_with('[') {
        return name.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback());
    }
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a form was sent by a page of ours.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, which no page can forge; those
/// that do not send it say it in `Origin`. Without either there is no way to tell, so no.
fn same_origin(headers: &HeaderMap, host: &str) -> bool {
    let says = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        let first = values.next();
        (first, values.next().is_some())
    };
    let (site, several_sites) = says(SEC_FETCH_SITE);
    let (origin, several_origins) = says(header::ORIGIN);
    if several_sites || several_origins {
        return false;
    }
    // Before us there is TLS, but on this machine.
    let scheme = if is_loopback(host) { "http" } else { "https" };
    let ours = format!("{scheme}://{host}");
    let origin_is_ours = origin.map(|o| o.as_bytes().eq_ignore_ascii_case(ours.as_bytes()));
    match (site.map(HeaderValue::as_bytes), origin_is_ours) {
        // Under `no-referrer` a browser sends `Origin: null` even to the page's own origin.
        (Some(b"same-origin"), None | Some(true)) => true,
        (Some(b"same-origin"), Some(false)) => origin.is_some_and(|o| o.as_bytes() == b"null"),
        (Some(_), _) => false,
        (None, origin_is_ours) => origin_is_ours.unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_few_names() {
        let check = |host: &str, expected: bool| assert_eq!(is_loopback(host), expected, "{host}");
        for ours in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1",
            "127.8.0.1:1",
            "[::1]",
            "[::1]:80",
        ] {
            check(ours, true);
        }
        for foreign in [
            "",
            ":80",
            "greffier.example",
            "localhost.example:80",
            "127.0.0.1.example",
            "127.0.0.1@x",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::1",
            "[::1]x",
            "[127.0.0.1]",
            "::1",
            "localhost:80:80",
            "localhost:http",
            "2130706433",
            "0x7f.1",
            "localhost/",
            "127.1",
        ] {
            check(foreign, false);
        }
    }

    #[test]
    fn a_form_is_ours_only_when_the_browser_says_so() {
        let check = |sent: &[(&str, &str)], expected: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(same_origin(&headers, "localhost:80"), expected, "{sent:?}");
        };
        let (site, origin) = ("sec-fetch-site", "origin");
        check(&[(site, "same-origin")], true);
        check(
            &[(site, "same-origin"), (origin, "http://localhost:80")],
            true,
        );
        check(&[(site, "same-origin"), (origin, "null")], true);
        check(&[(origin, "http://localhost:80")], true);
        check(&[], false);
        check(&[(origin, "null")], false);
        check(&[(origin, "http://localhost")], false);
        check(&[(origin, "https://localhost:80")], false);
        check(
            &[
                (origin, "http://localhost:80"),
                (origin, "http://localhost:80"),
            ],
            false,
        );
        check(
            &[(site, "same-origin"), (origin, "http://evil.example")],
            false,
        );
        check(&[(site, "same-origin"), (site, "cross-site")], false);
        for elsewhere in ["cross-site", "same-site", "none", ""] {
            check(&[(site, elsewhere), (origin, "http://localhost:80")], false);
        }
    }
}
