//! S3-compatible stores. `object_store` signs and understands; bytes go through hyper, with the
//! certificates of the system (or those that `SSL_CERT_FILE` names), without proxy or redirection.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    self, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpService,
};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::Bucket;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one request may take, its bytes included.
const REQUEST: Duration = Duration::from_secs(120);

/// A store that fails for longer than a few tries is unavailable: the task that needed it is put off.
const RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(5),
        base: 2.0,
    },
    max_retries: 4,
    retry_timeout: Duration::from_secs(60),
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(super) fn store(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, Failure> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.access_key_id)
        .with_secret_access_key(&bucket.secret_access_key)
        .with_allow_http(bucket.allow_http)
        .with_retry(RETRIES)
        .with_http_connector(Connector {
            tls: tls(bucket.allow_http)?,
        });
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(token) = &bucket.session_token {
        builder = builder.with_token(token);
    }
    Ok(Arc::new(builder.build()?))
}

fn tls(allow_http: bool) -> std::io::Result<HttpsConnector<HttpConnector>> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let tls = HttpsConnectorBuilder::new().with_native_roots()?;
    let tls = if allow_http {
        tls.https_or_http()
    } else {
        tls.https_only()
    };
    Ok(tls.enable_http1().wrap_connector(tcp))
}

#[derive(Debug)]
struct Connector {
    tls: HttpsConnector<HttpConnector>,
}

impl client::HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(self.tls.clone());
        Ok(HttpClient::new(Service { client }))
    }
}

#[derive(Debug)]
struct Service {
    client: Client<HttpsConnector<HttpConnector>, HttpRequestBody>,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answered = tokio::time::timeout(REQUEST, self.answer(request)).await;
        answered.unwrap_or_else(|late| Err(HttpError::new(HttpErrorKind::Timeout, late)))
    }
}

impl Service {
    /// The whole answer: one that breaks off is tried again from its beginning.
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.client.request(request).await.map_err(|error| {
            let kind = if error.is_connect() {
                HttpErrorKind::Connect
            } else {
                HttpErrorKind::Interrupted
            };
            HttpError::new(kind, error)
        })?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?;
        Ok(HttpResponse::from_parts(parts, body.to_bytes().into()))
    }
}
