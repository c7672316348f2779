//! What pages are dressed with, compiled in.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

const STYLE: &str = include_str!("../assets/greffier.css");

/// `/assets/greffier.css`
pub(crate) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}
