//! A small browser without a screen. It follows redirects, keeps cookies, and submits forms.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use url::Url;

use super::form::{Field, HtmlForm};
use crate::http::{self, Answer, Request};

/// How long one answer may take. Signing in hashes a password, and the machine may be compiling meanwhile.
const LIMIT: Duration = Duration::from_secs(30);

/// How many redirects in a row are followed. Signing in takes three.
const MOST_REDIRECTS: usize = 20;

/// The browser's state: its cookies.
#[derive(Debug, Default)]
pub struct Browser {
    jar: Jar,
}

/// The end of a chain of redirects.
#[derive(Debug)]
pub enum Arrival {
    /// A page, and its address.
    Page(Url, Answer),
    /// The callback address. It is not opened, because no server listens there.
    Back(Url),
}

impl Browser {
    /// Opens `url` and follows redirects until there is a page, or an address that begins with `callback`.
    ///
    /// # Errors
    /// No server answers, a redirect has no valid target, or there are too many redirects.
    pub async fn open(&mut self, url: Url, callback: &str) -> Result<Arrival> {
        self.go(Request::get(url), callback).await
    }

    /// Sends a form of the page at `page`, with the values of `fields`.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub async fn submit(
        &mut self,
        page: &Url,
        form: &HtmlForm,
        fields: &[Field],
        callback: &str,
    ) -> Result<Arrival> {
        let url = page
            .join(&form.action)
            .context("the form's address is not a URL")?;
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut request = Request::form(url, fields);
        // Browsers send this header, and pages may compare it (Fetch, section 3.1).
        request
            .headers
            .push(("origin", page.origin().ascii_serialization()));
        self.go(request, callback).await
    }

    async fn go(&mut self, mut request: Request, callback: &str) -> Result<Arrival> {
        for _ in 0..MOST_REDIRECTS {
            let url = request.url.clone();
            request.headers.push(("accept", "text/html".to_owned()));
            request.headers.push(("accept-language", "en".to_owned()));
            request
                .headers
                .extend(self.jar.header(&url).map(|cookies| ("cookie", cookies)));
            let answer = http::send(&request, LIMIT).await?;
            for cookie in answer.headers_named("set-cookie") {
                self.jar.keep(&url, cookie);
            }
            let next = match (answer.status, answer.header("location")) {
                (301..=303, Some(location)) => {
                    url.join(location).context("a redirect's target is not a URL")?
                }
                (307 | 308, _) => bail!(
                    "{} redirects a form with its content, which is not supported",
                    url.path()
                ),
                _ => return Ok(Arrival::Page(url, answer)),
            };
            if is_callback(&next, callback) {
                return Ok(Arrival::Back(next));
            }
            request = Request::get(next);
        }
        bail!("there are too many redirects")
    }
}

/// Whether `url` is `callback`, with any query.
fn is_callback(url: &Url, callback: &str) -> bool {
    url[..url::Position::AfterPath] == *callback
}

/// Cookies (RFC 6265). Each is sent only to the host that set it. Ports make no difference, as in browsers.
#[derive(Debug, Default)]
struct Jar(Vec<Cookie>);

struct Cookie {
    name: String,
    value: String,
    host: String,
    path: String,
}

/// Leaves out the value, which is as sensitive as a password.
impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for {}{}", self.name, self.host, self.path)
    }
}

impl Jar {
    /// Stores the cookie of a `Set-Cookie` header from `url`, and replaces the previous one.
    fn keep(&mut self, url: &Url, set_cookie: &str) {
        let mut parts = set_cookie.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let mut cookie = Cookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            path: default_path(url.path()).to_owned(),
        };
        let mut is_removal = false;
        for (attribute, value) in parts.map(|part| part.split_once('=').unwrap_or((part, ""))) {
            match attribute.to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => cookie.path = value.to_owned(),
                // An expiry date alone removes no cookie here: our servers never send only a date, and this browser
                // lives for seconds.
                "max-age" => is_removal = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
                _ => {}
            }
        }
        self.0.retain(|known| {
            (&known.name, &known.host, &known.path) != (&cookie.name, &cookie.host, &cookie.path)
        });
        if !is_removal {
            self.0.push(cookie);
        }
    }

    /// The `Cookie` header for `url`, with longer paths first. `None` without cookies.
    fn header(&self, url: &Url) -> Option<String> {
        let host = url.host_str().unwrap_or_default();
        let mut fitting: Vec<&Cookie> = self
            .0
            .iter()
            .filter(|cookie| cookie.host == host && is_below(url.path(), &cookie.path))
            .collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// RFC 6265, section 5.1.4.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

/// RFC 6265, section 5.1.4.
fn is_below(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn cookies_are_sent_only_to_their_host_and_path() {
        let mut jar = Jar::default();
        let login = url("http://127.0.0.1:3000/oauth2/login?x=/y/z");
        jar.keep(&login, "csrf=a=b; HttpOnly; SameSite=Lax");
        jar.keep(&login, "flow=1; Path=/; Max-Age=1800");
        jar.keep(&login, "broken");
        assert_eq!(
            jar.header(&url("http://127.0.0.1:3000/oauth2/consent"))
                .as_deref(),
            Some("csrf=a=b; flow=1")
        );
        assert_eq!(
            jar.header(&url("http://127.0.0.1:4444/oauth2x")).as_deref(),
            Some("flow=1")
        );
        assert_eq!(jar.header(&url("http://localhost:3000/oauth2/login")), None);

        jar.keep(&login, "flow=2; path=/");
        jar.keep(&login, "csrf=; Max-Age=0");
        assert_eq!(
            jar.header(&login).as_deref(),
            Some("flow=2"),
            "one replaced, one removed"
        );
        jar.keep(&login, "flow=3; Path=elsewhere");
        assert_eq!(
            jar.header(&login).as_deref(),
            Some("flow=3; flow=2"),
            "an invalid path is not used"
        );
    }

    #[test]
    fn callback_is_compared_without_its_query() {
        let callback = "http://127.0.0.1:3000/callback";
        assert!(is_callback(
            &url("http://127.0.0.1:3000/callback?code=x#y"),
            callback
        ));
        for other in [
            "http://127.0.0.1:3000/callback2?code=x",
            "http://127.0.0.1:3000/?http://127.0.0.1:3000/callback",
            "http://127.0.0.1:30001/callback",
        ] {
            assert!(!is_callback(&url(other), callback), "{other}");
        }
    }

    #[test]
    fn cookie_values_are_hidden_in_debug_output() {
        let mut jar = Jar::default();
        jar.keep(&url("http://a.test/"), "session=hunter2");
        assert!(!format!("{jar:?}").contains("hunter2"));
    }
}
