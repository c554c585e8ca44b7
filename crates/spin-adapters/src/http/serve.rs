//! Passes the host's request to a handler, and its response to the host.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use spin_sdk::wasip3::http::types::{self, ErrorCode};
use spin_sdk::wasip3::wit_bindgen;
use web::challenge;

use super::incoming::{self, Incoming};
use super::outgoing::{Outgoing, fields};

/// Exports an async function from `http::Request<Incoming>` to `http::Response<_>` as the component's HTTP handler.
///
/// ```ignore
/// spin_adapters::http_handler!(handle);
///
/// async fn handle(request: Request<Incoming>) -> Response<Body> { … }
/// ```
#[macro_export]
macro_rules! http_handler {
    ($handle:ident) => {
        mod http_handler {
            struct Component;

            ::spin_sdk::wasip3::http::service::export!(Component);

            impl ::spin_sdk::wasip3::exports::http::handler::Guest for Component {
                async fn handle(
                    request: ::spin_sdk::wasip3::http::types::Request,
                ) -> Result<
                    ::spin_sdk::wasip3::http::types::Response,
                    ::spin_sdk::wasip3::http::types::ErrorCode,
                > {
                    $crate::http::serve(request, super::$handle).await
                }
            }
        }
    };
}

/// Answers a request with `handle`. [`http_handler!`](crate::http_handler) expands to a call of this function.
pub async fn serve<B>(
    request: types::Request,
    handle: impl AsyncFnOnce(Request<Incoming>) -> Response<B>,
) -> Result<types::Response, ErrorCode>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: std::fmt::Display,
{
    respond(handle(accept(request)?).await)
}

/// Converts a request. Its URI has only path and query: scheme and authority concern the host. A HEAD becomes a GET, and the host
/// leaves out the content of the answer (RFC 9110, section 9.3.2).
fn accept(request: types::Request) -> Result<Request<Incoming>, ErrorCode> {
    let method = match Method::try_from(request.get_method()) {
        Ok(Method::HEAD) => Method::GET,
        Ok(method) => method,
        Err(_) => return Err(ErrorCode::HttpRequestMethodInvalid),
    };
    let path = request.get_path_with_query().unwrap_or_else(|| "/".into());
    let uri = Uri::try_from(path).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let headers = incoming::headers(&request.get_headers());
    let has_body = method != Method::GET
        || headers.contains_key(header::CONTENT_LENGTH)
        || headers.contains_key(header::TRANSFER_ENCODING);
    let body = match has_body {
        true => Incoming::new(&headers, false, |on_received| {
            types::Request::consume_body(request, on_received)
        }),
        false => Incoming::empty(),
    };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

fn respond<B>(response: Response<B>) -> Result<types::Response, ErrorCode>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: std::fmt::Display,
{
    let (mut head, body) = response.into_parts();
    challenge::complete(head.status, &mut head.headers);
    let (outgoing, readers) = Outgoing::new(body.is_end_stream());
    let (response, _sent) = types::Response::new(fields(&head.headers)?, readers.contents, readers.end);
    if head.status != StatusCode::OK {
        response
            .set_status_code(head.status.as_u16())
            .map_err(|()| ErrorCode::HttpProtocolError)?;
    }
    // The host reads the body only after this call has returned.
    wit_bindgen::spawn(outgoing.write(body));
    Ok(response)
}
