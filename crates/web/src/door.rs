//! Who is here: sessions, the token that forms carry, signing in and out.
//!
//! Until there is an account, whoever is at this machine is let in. From then on every address but
//! those below asks who comes, and every form that is sent carries a token that is bound to the
//! session, beside the origin that [`guard`](crate::guard) has looked at. Whoever shows nothing is
//! sent to the page where people sign in, and told nothing else. Programs show a token to the API, and
//! nothing that a browser sends by itself serves there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use askama::Template;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use pipeline::gate::{Bearer, Refused};
use pipeline::rights::Who;

use crate::api::{self, limits::Limits};
use crate::form::Fields;
use crate::guard::is_secure;
use crate::problem::Problem;
use crate::shown::render;
use crate::visit::{Frame, Here, Visit};
use crate::{FORM_BYTES_MAX, Office};

/// Who is here, and what their forms carry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Present {
    /// Who.
    pub(crate) who: Who,
    /// The token of their forms, where they have signed in.
    pub(crate) form_token: Option<String>,
    /// What their browser shows.
    bearer: Option<Bearer>,
    /// Who is at the other end of the connection.
    peer: Option<IpAddr>,
}

/// What is said to whoever has not signed in.
fn is_public(path: &str) -> bool {
    path == SIGN_IN || path.starts_with("/health/") || path.starts_with("/assets/")
}

const SIGN_IN: &str = "/sign-in";

/// The name of the cookie. The prefix makes browsers refuse one that another host, or a page without
/// TLS, has set; on this machine there is no TLS, and no such prefix.
const fn cookie_name(secure: bool) -> &'static str {
    if secure {
        "__Host-greffier"
    } else {
        "greffier"
    }
}

/// The cookie that says this; it ends with the browser.
fn cookie(secure: bool, value: &str, over: bool) -> Option<HeaderValue> {
    let name = cookie_name(secure);
    let secure = if secure { "; Secure" } else { "" };
    let over = if over { "; Max-Age=0" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{over}");
    let mut value = HeaderValue::from_str(&cookie).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What the browser shows of a session.
fn shown(headers: &HeaderMap) -> Option<Bearer> {
    let name = cookie_name(is_secure(headers));
    let cookies = headers.get_all(header::COOKIE).iter();
    let pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'));
    let mut ours = pairs.filter_map(|pair| {
        let (pair_name, value) = pair.trim().split_once('=')?;
        (pair_name == name).then_some(value)
    });
    Bearer::read(ours.next()?)
}

/// Looks who comes. Handlers find them in their [`Visit`].
pub(crate) async fn enter(
    State((office, limits)): State<(Arc<Office>, Arc<Limits>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let comes = Comes::of(&request);
    if api::is_of(comes.uri.path()) {
        return match program(&office, &limits, &comes).await {
            Ok(present) => {
                request.extensions_mut().insert(present);
                next.run(request).await
            }
            Err(problem) => problem.into_response(),
        };
    }
    let public = is_public(comes.uri.path());
    let mut present = if public {
        Present::default()
    } else {
        match look(&office, &comes).await {
            Ok(present) => present,
            Err(problem) => return problem.into_response(),
        }
    };
    present.peer = comes.peer;
    if present.who == Who::Nobody && !public {
        // Where they wanted to go; what a form said is lost with the session.
        let to = match comes.reads {
            true => comes.uri.to_string(),
            false => comes.uri.path().to_owned(),
        };
        let visit = Visit::of(&comes.uri);
        return Redirect::to(&visit.to_with(SIGN_IN, &[("to", &to)])).into_response();
    }
    if !comes.reads
        && let Some(bearer) = &present.bearer
    {
        request = match carries_token(request, bearer).await {
            Ok(request) => request,
            Err(problem) => return with(problem.into_response(), present),
        };
    }
    request.extensions_mut().insert(present.clone());
    with(next.run(request).await, present)
}

/// What is looked at of a request before anybody reads its body.
struct Comes {
    uri: Uri,
    headers: HeaderMap,
    /// Whether nothing is to be changed.
    reads: bool,
    peer: Option<IpAddr>,
}

impl Comes {
    fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Self {
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            reads: matches!(*request.method(), Method::GET | Method::HEAD),
            peer: peer.map(|ConnectInfo(address)| address.ip()),
        }
    }
}

/// Problems are put on a page outside of here: it says who is signed in too.
fn with(mut response: Response, present: Present) -> Response {
    response.extensions_mut().insert(present);
    response
}

/// Which program asks: the token it shows is somebody's, and it does not ask too often.
async fn program(office: &Office, limits: &Limits, comes: &Comes) -> Result<Present, Problem> {
    let guarded = office.gate.is_guarded().await?;
    let now = office.gate.now();
    let slow = |seconds| Problem::Slowed { seconds };
    let tokens: Vec<&HeaderValue> = (comes.headers)
        .get_all(header::AUTHORIZATION)
        .iter()
        .collect();
    let from = address(&comes.headers, comes.peer);
    match tokens.as_slice() {
        [] if !guarded => {
            limits.count("anyone", now).map_err(slow)?;
            Ok(Present {
                who: Who::Anyone,
                ..Present::default()
            })
        }
        [] if comes.uri.path() == api::DESCRIPTION => {
            limits.count(&from, now).map_err(slow)?;
            Ok(Present::default())
        }
        [token] => {
            let shown = token.to_str().ok().and_then(|text| text.split_once(' '));
            let shown = shown.filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
            let bearer = shown.and_then(|(_, token)| Bearer::read(token.trim()));
            let person = match &bearer {
                Some(bearer) => office.gate.token(bearer).await?,
                None => None,
            };
            let Some(person) = person else {
                limits.count(&from, now).map_err(slow)?;
                return Err(Problem::Unknown);
            };
            let name = format!("account {}", person.account);
            limits.count(&name, now).map_err(slow)?;
            Ok(Present {
                who: Who::Person(person),
                ..Present::default()
            })
        }
        _ => {
            limits.count(&from, now).map_err(slow)?;
            Err(Problem::Unknown)
        }
    }
}

async fn look(office: &Office, comes: &Comes) -> Result<Present, Problem> {
    if !office.gate.is_guarded().await? {
        return Ok(Present {
            who: Who::Anyone,
            ..Present::default()
        });
    }
    let Some(bearer) = shown(&comes.headers) else {
        return Ok(Present::default());
    };
    let Some(person) = office.gate.known(&bearer).await? else {
        return Ok(Present::default());
    };
    Ok(Present {
        who: Who::Person(person),
        form_token: Some(bearer.form_token()),
        bearer: Some(bearer),
        peer: None,
    })
}

/// The request as it was, when its form carries the token of the session.
async fn carries_token(request: Request, bearer: &Bearer) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, FORM_BYTES_MAX).await else {
        return Err(Problem::TooLong);
    };
    let again = |bytes: Bytes| Request::from_parts(parts.clone(), Body::from(bytes));
    let form = Form::<Vec<(String, String)>>::from_request(again(bytes.clone()), &()).await;
    let Ok(Form(pairs)) = form else {
        return Err(Problem::BadForm);
    };
    let mut tokens = pairs.iter().filter(|(name, _)| name == "csrf");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) if bearer.knows_form(token) => Ok(again(bytes)),
        _ => Err(Problem::StaleForm),
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    f: Frame,
    to: String,
    account: String,
    wrong: bool,
}

/// Where someone goes once they have signed in: an address of ours, or the inbox.
fn ours(to: Option<&str>) -> String {
    let to = to.unwrap_or("/");
    let plain = to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let inside = to.starts_with('/') && !to.starts_with("//") && !to.starts_with(SIGN_IN);
    if plain && inside {
        to.to_owned()
    } else {
        "/".to_owned()
    }
}

/// `/sign-in`
pub(crate) async fn page(
    State(office): State<Arc<Office>>,
    visit: Visit,
) -> Result<Response, Problem> {
    if !office.gate.is_guarded().await? {
        return Ok(Redirect::to(&visit.to("/")).into_response());
    }
    let page = SignInPage {
        f: visit.frame(visit.words().sign_in(), Here::Nowhere),
        to: ours(visit.asked("to")),
        account: String::new(),
        wrong: false,
    };
    Ok(render(&page))
}

/// `POST /sign-in`
pub(crate) async fn sign_in(
    State(office): State<Arc<Office>>,
    visit: Visit,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let fields = Fields::of(form)?;
    let (account, password, code) = (
        fields.as_is("account")?,
        fields.as_is("password")?,
        fields.as_is("code")?,
    );
    let to = ours(Some(fields.as_is("to")?));
    if !office.gate.is_guarded().await? {
        return Ok(Redirect::to(&visit.to("/")).into_response());
    }
    let address = address(&headers, visit.present.peer);
    let bearer = match office.gate.sign_in(account, password, code, &address).await {
        Ok(bearer) => bearer,
        Err(Refused::Wrong) => {
            tracing::warn!("signing in failed");
            let page = SignInPage {
                f: visit.frame(visit.words().sign_in(), Here::Nowhere),
                to,
                account: account.chars().take(64).collect(),
                wrong: true,
            };
            return Ok((StatusCode::UNAUTHORIZED, render(&page)).into_response());
        }
        Err(Refused::Slowed { seconds }) => {
            tracing::warn!("signing in is slowed");
            return Err(Problem::Slowed { seconds });
        }
        Err(Refused::Broken(error)) => return Err(error.into()),
    };
    // A session of before is over: what its browser shows must not outlive it.
    if let Some(before) = shown(&headers) {
        office.gate.sign_out(&before).await?;
    }
    let mut response = Redirect::to(&visit.to(&to)).into_response();
    if let Some(cookie) = cookie(is_secure(&headers), &bearer.written(), false) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Where someone comes from: the nearest server before us says it when it is on this machine.
fn address(headers: &HeaderMap, peer: Option<IpAddr>) -> String {
    let Some(peer) = peer.map(|ip| ip.to_canonical()) else {
        return "here".to_owned();
    };
    let told = headers.get_all("x-forwarded-for").iter().next_back();
    let told = told
        .and_then(|value| value.to_str().ok())
        .and_then(|list| list.rsplit(',').next())
        .and_then(|last| last.trim().parse::<IpAddr>().ok());
    match told {
        Some(told) if peer.is_loopback() => told.to_canonical().to_string(),
        _ => peer.to_string(),
    }
}

/// `POST /sign-out`
pub(crate) async fn sign_out(
    State(office): State<Arc<Office>>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(bearer) = &visit.present.bearer {
        office.gate.sign_out(bearer).await?;
    }
    let mut response = Redirect::to(&visit.to(SIGN_IN)).into_response();
    if let Some(cookie) = cookie(is_secure(&headers), "", true) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for inside in ["/", "/documents/x?lang=en", "/search?q=a%20b"] {
            assert_eq!(ours(Some(inside)), inside);
        }
        for outside in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "/a\r\nx: y",
            "/sign-in?to=/",
            "javascript:alert(1)",
        ] {
            assert_eq!(ours(Some(outside)), "/", "{outside}");
        }
    }

    #[test]
    fn only_a_server_on_this_machine_says_who_is_behind_it() {
        let peer = |text: &str| Some(text.parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.append(
            "x-forwarded-for",
            HeaderValue::from_static("1.1.1.1, 2.2.2.2"),
        );
        assert_eq!(address(&headers, peer("127.0.0.1")), "2.2.2.2");
        assert_eq!(address(&headers, peer("::ffff:127.0.0.1")), "2.2.2.2");
        assert_eq!(address(&headers, peer("10.0.0.9")), "10.0.0.9");
        headers.append("x-forwarded-for", HeaderValue::from_static("nonsense"));
        assert_eq!(address(&headers, peer("127.0.0.1")), "127.0.0.1");
        assert_eq!(address(&headers, None), "here");
    }
}
