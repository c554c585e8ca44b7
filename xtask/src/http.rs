//! A small HTTP client for this crate: one request a connection, over plain TCP, to this machine. A full client would
//! be the crate's largest dependency, and the first long wait of a new developer.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

/// The longest response that is read, in bytes. Pages and tokens have some kilobytes.
const LONGEST_ANSWER: usize = 4 << 20;

/// A request.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: &'static str,
    /// The URL. Its scheme is `http`; its fragment is not sent.
    pub url: Url,
    /// Names and values of the headers, except `host`, `connection` and `content-length`.
    pub headers: Vec<(&'static str, String)>,
    /// Empty if there is no body.
    pub body: String,
}

impl Request {
    /// `GET url`.
    pub fn get(url: Url) -> Request {
        Request {
            method: "GET",
            url,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// `POST url`, with a form.
    pub fn form<'a>(url: Url, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Request {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let kind = "application/x-www-form-urlencoded".to_owned();
        Request {
            method: "POST",
            url,
            headers: vec![("content-type", kind)],
            body,
        }
    }

    /// `POST url`, with JSON.
    pub fn json(url: Url, body: &Value) -> Request {
        Request {
            method: "POST",
            url,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    fn spelled(&self) -> String {
        let target = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut text = format!(
            "{} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.method,
            self.body.len()
        );
        for (name, value) in &self.headers {
            // The values come from URLs, cookies and constants. A line break in a value would start another header.
            let value: String = value.chars().filter(|c| !c.is_control()).collect();
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text + "\r\n" + &self.body
    }
}

/// Leaves out headers and body: they may contain cookies and passwords.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url.path())
    }
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body as text. Bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Answer {
    /// The first header of this name. The name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// All headers of this name, in their order. The name is given in lower case.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Leaves out headers and body: they may contain cookies and tokens.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status)
    }
}

/// Sends a request and reads its response, within `limit`.
///
/// # Errors
/// The URL's scheme is not `http`, no server listens there, or no complete HTTP response arrives within the time.
pub async fn send(request: &Request, limit: Duration) -> Result<Answer> {
    let place = &request.url[url::Position::BeforeHost..url::Position::AfterPort];
    if request.url.scheme() != "http" {
        bail!(
            "{place} has the scheme {}, but only http is supported",
            request.url.scheme()
        );
    }
    match tokio::time::timeout(limit, exchange(request)).await {
        Ok(answer) => answer.with_context(|| format!("cannot call http://{place}")),
        Err(_) => bail!("http://{place} did not answer within {} s", limit.as_secs()),
    }
}

async fn exchange(request: &Request) -> Result<Answer> {
    let host = match request.url.host().context("the URL names no host")? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        // A URL has it in brackets.
        Host::Ipv6(address) => address.to_string(),
    };
    let port = request.url.port_or_known_default().unwrap_or(80);
    let mut stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.write_all(request.spelled().as_bytes()).await?;
    let mut received = Vec::new();
    loop {
        let has_ended = stream.read_buf(&mut received).await? == 0;
        match parse(&received, has_ended)? {
            Some(answer) => return Ok(answer),
            None if has_ended => bail!("the answer was cut off"),
            None if received.len() > LONGEST_ANSWER => bail!("the answer is too long"),
            None => {}
        }
    }
}

/// Parses a response (RFC 9112, section 6.3). `None` while some of it is missing. `has_ended`: no more bytes follow.
fn parse(received: &[u8], has_ended: bool) -> Result<Option<Answer>> {
    let Some(end) = find(received, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&received[..end]);
    let rest = &received[end + 4..];
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    let status = words.next().and_then(|status| status.parse::<u16>().ok());
    let status = status
        .filter(|_| is_http)
        .context("the answer is not an HTTP response")?;
    if (100..200).contains(&status) {
        return parse(rest, has_ended);
    }
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let mut answer = Answer {
        status,
        headers: headers.collect(),
        body: String::new(),
    };
    let body = match (
        answer.header("transfer-encoding"),
        answer.header("content-length"),
    ) {
        _ if matches!(status, 204 | 304) => Some(Vec::new()),
        (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => unchunked(rest)?,
        (Some(_), _) => bail!("the answer has a transfer coding that is not supported"),
        (None, Some(length)) => {
            let length: usize = length.parse().context("content-length is not a number")?;
            rest.get(..length).map(<[u8]>::to_vec)
        }
        (None, None) => has_ended.then(|| rest.to_vec()),
    };
    Ok(body.map(|body| {
        answer.body = String::from_utf8_lossy(&body).into_owned();
        answer
    }))
}

/// A chunked body (RFC 9112, section 7.1) without its extensions and trailers; `None` while some of it is missing.
fn unchunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = find(rest, b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&rest[..end]);
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .ok()
            .filter(|size| *size <= LONGEST_ANSWER);
        let size = size.context("a chunk has no size")?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok(Some(body));
        }
        let Some(chunk) = rest.get(..size + 2) else {
            return Ok(None);
        };
        if !chunk.ends_with(b"\r\n") {
            bail!("a chunk is longer than its size");
        }
        body.extend_from_slice(&chunk[..size]);
        rest = &rest[size + 2..];
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, has_ended: bool) -> Option<(u16, String)> {
        let answer = parse(text.as_bytes(), has_ended).expect("an HTTP response");
        answer.map(|answer| (answer.status, answer.body))
    }

    #[test]
    fn a_body_is_as_long_as_its_headers_say() {
        let until_the_end =
            "HTTP/1.0 503 Service Unavailable\r\ncontent-type: text/plain\r\n\r\nNot ready: postgres\n";
        let counted = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nReady and more";
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nRea\r\n2;x=y\r\ndy\r\n0\r\n\r\n";
        let empty = "HTTP/1.1 204 No Content\r\n\r\n";
        let hinted = format!("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{counted}");
        assert_eq!(
            parsed(until_the_end, true),
            Some((503, "Not ready: postgres\n".into()))
        );
        for text in [counted, chunked, &hinted] {
            assert_eq!(parsed(text, false), Some((200, "Ready".into())), "{text}");
        }
        assert_eq!(parsed(empty, false), Some((204, String::new())));
    }

    #[test]
    fn incomplete_response_is_not_parsed() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nRea\r\n2\r\ndy\r\n0";
        let counted = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nRead";
        for whole in [chunked, counted] {
            for end in 0..=whole.len() {
                let half = parsed(&whole[..end], true);
                assert_eq!(
                    half,
                    None,
                    "an incomplete response was taken for a complete one: {:?}",
                    &whole[..end]
                );
            }
        }
        let open = "HTTP/1.1 200 OK\r\n\r\nRead";
        assert_eq!(
            parsed(open, false),
            None,
            "only the end of the connection ends it"
        );
    }

    #[test]
    fn text_that_is_not_http_is_an_error() {
        for wrong in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
        ] {
            assert!(parse(wrong.as_bytes(), true).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn headers_are_found_in_any_case_and_repeated_ones_too() {
        let text = "HTTP/1.1 303 See Other\r\nSet-Cookie: a=1\r\nset-cookie:b=2\r\nLOCATION: /next \r\ncontent-length: 0\r\n\r\n";
        let answer = parse(text.as_bytes(), false).expect("HTTP").expect("whole");
        assert_eq!(answer.header("location"), Some("/next"));
        assert_eq!(
            answer.headers_named("set-cookie").collect::<Vec<_>>(),
            ["a=1", "b=2"]
        );
    }

    #[test]
    fn line_break_in_a_header_value_adds_no_header() {
        let mut request = Request::get(Url::parse("http://[::1]:3000/a b?c=d#e").expect("a URL"));
        request.headers.push(("cookie", "a=1\r\nx-admin: yes".into()));
        assert_eq!(
            request.spelled(),
            "GET /a%20b?c=d HTTP/1.1\r\nhost: [::1]:3000\r\nconnection: close\r\ncontent-length: 0\r\ncookie: a=1x-admin: yes\r\n\r\n"
        );
    }
}
