//! `cargo xtask token`: signs a user in as a browser would, and prints an access token.
//!
//! It uses the full flow: the authorization endpoint with PKCE, the pages for login and consent with their cookies and
//! hidden fields, and the token endpoint. The platform has no shortcut for it.

pub mod browser;
pub mod form;

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use self::browser::{Arrival, Browser};
use crate::http::{self, Answer, Request};
use crate::origin::Origin;
use crate::secret::{Secret, Secrets};
use crate::seed::{self, SHOP};
use crate::services::{Home, SECRETS_FILE};
use crate::workspace::Workspace;

/// How long an answer that is not a page may take.
const LIMIT: Duration = Duration::from_secs(15);

/// How many pages are answered at most: login, consent, and some unknown ones.
const MOST_PAGES: usize = 6;

/// The options of `cargo xtask token`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The account's e-mail address.
    #[arg(long, value_name = "EMAIL")]
    user: String,

    /// The account's password. The demo accounts need none.
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    password: Option<Secret>,

    /// A scope in addition to `openid`, such as `admin`. May be given more than once.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,

    /// The issuer's URL, if it is not the last `cargo xtask up` of this checkout.
    #[arg(long, value_name = "URL")]
    url: Option<Origin>,
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// Prints an access token as the last line. Progress goes to standard error.
///
/// # Errors
/// No server answers; the account, its password or a scope is not accepted; or a page has an unknown form.
pub async fn run(workspace: &Workspace, options: Options) -> Result<()> {
    let secrets = Secrets::open(&Home::of(workspace)?.folder().join(SECRETS_FILE))?;
    let known = secrets.find(&seed::account_secret(&options.user));
    let Some(password) = options.password.or(known) else {
        bail!(
            "the password of {} is not stored here: give it with `--password`.\n\
             Those of {} are kept by `cargo xtask up`, once it has run.",
            options.user,
            seed::emails()
        );
    };
    let issuer = match options.url {
        Some(url) => url,
        None => Origin::of_last_up(workspace)?,
    };
    let wanted = WantedToken {
        issuer,
        email: options.user,
        password,
        scopes: scopes(&options.scope),
    };
    let token = obtain(&wanted).await?;
    println!("{}", token.reveal());
    Ok(())
}

/// `openid` and the requested scopes, each once. One argument may name several.
fn scopes(requested: &[String]) -> Vec<String> {
    let mut scopes = vec!["openid".to_owned()];
    for scope in requested.iter().flat_map(|scopes| scopes.split_whitespace()) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

/// The wanted token: its user, issuer and scopes.
#[derive(Clone, Debug)]
pub struct WantedToken {
    /// The issuer.
    pub issuer: Origin,
    /// The account's e-mail address.
    pub email: String,
    /// Its password.
    pub password: Secret,
    /// The scopes of the token.
    pub scopes: Vec<String>,
}

/// Signs in and returns the access token.
///
/// # Errors
/// As [`run`].
pub async fn obtain(wanted: &WantedToken) -> Result<Secret> {
    let provider = Provider::discover(&wanted.issuer).await?;
    let pkce = Pkce::new()?;
    eprintln!("signing in at {} as {} …", wanted.issuer, wanted.email);
    let back = sign_in(wanted, provider.request(wanted, &pkce)?).await?;
    let code = code(&back, &pkce.state)?;
    let tokens = provider.exchange(&code, &pkce).await?;
    let granted = tokens["scope"]
        .as_str()
        .map(|scopes| scopes.split(' ').collect::<Vec<_>>());
    if let Some(granted) = granted
        && let Some(missing) = wanted
            .scopes
            .iter()
            .find(|scope| !granted.contains(&scope.as_str()))
    {
        bail!("{}", not_granted(missing, &wanted.email));
    }
    let token = tokens["access_token"].as_str();
    token
        .map(Secret::new)
        .context("the issuer has answered without an access token")
}

fn not_granted(scope: &str, email: &str) -> String {
    match scope {
        "admin" => format!(
            "the scope `admin` was not granted: {email} is not an admin.\n\
             `cargo xtask admin {email}` makes them one."
        ),
        _ => format!("the scope `{scope}` was not granted to {email}"),
    }
}

/// The redirect URI. No server listens there, because the last redirect is not followed.
const CALLBACK: &str = "http://127.0.0.1:3000/callback";

/// The values that connect request, answer and exchange (RFC 7636; RFC 6749, section 10.12).
struct Pkce {
    verifier: Secret,
    state: Secret,
}

impl Pkce {
    fn new() -> Result<Pkce> {
        Ok(Pkce {
            // 48 digits: RFC 7636 (section 4.1) requires 43.
            verifier: Secret::random()?,
            state: Secret::random()?,
        })
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.reveal()))
    }
}

/// The issuer's metadata (OpenID Connect Discovery).
struct Provider {
    authorization_endpoint: Url,
    token_endpoint: Url,
}

impl Provider {
    async fn discover(issuer: &Origin) -> Result<Provider> {
        let url = issuer.at("/.well-known/openid-configuration")?;
        let answer = http::send(&Request::get(url), LIMIT).await.with_context(|| {
            format!("no issuer answers at {issuer}: start `cargo xtask up`, or give its URL with `--url`")
        })?;
        let document: Value = match answer.status {
            200 => serde_json::from_str(&answer.body).unwrap_or_default(),
            status => bail!("{issuer} does not issue tokens: its metadata request answers {status}"),
        };
        let endpoint = |name: &str| {
            let url = document[name].as_str().and_then(|url| Url::parse(url).ok());
            url.with_context(|| format!("{issuer} has no {name} in its metadata"))
        };
        Ok(Provider {
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
        })
    }

    fn request(&self, wanted: &WantedToken, pkce: &Pkce) -> Result<Url> {
        let mut url = self.authorization_endpoint.clone();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", SHOP),
            ("redirect_uri", CALLBACK),
            ("scope", &wanted.scopes.join(" ")),
            ("audience", seed::AUDIENCE),
            ("state", pkce.state.reveal()),
            ("nonce", Secret::random()?.reveal()),
            ("code_challenge", &pkce.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url)
    }

    async fn exchange(&self, code: &str, pkce: &Pkce) -> Result<Value> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", SHOP),
            ("redirect_uri", CALLBACK),
            ("code", code),
            ("code_verifier", pkce.verifier.reveal()),
        ];
        let answer = http::send(&Request::form(self.token_endpoint.clone(), fields), LIMIT).await?;
        let tokens: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        match answer.status {
            200 => Ok(tokens),
            status => bail!("the token endpoint has refused ({status}): {}", refusal(&tokens)),
        }
    }
}

/// RFC 6749, section 5.2.
fn refusal(body: &Value) -> String {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    format!("{} {}", text("error"), text("error_description"))
        .trim()
        .to_owned()
}

/// Goes from the authorization endpoint through all pages to the client's redirect URI.
async fn sign_in(wanted: &WantedToken, request: Url) -> Result<Url> {
    let mut browser = Browser::default();
    let mut arrival = browser.open(request, CALLBACK).await?;
    let mut has_tried_password = false;
    for _ in 0..MOST_PAGES {
        let (url, page) = match arrival {
            Arrival::Back(url) => return Ok(url),
            Arrival::Page(url, page) => (url, page),
        };
        let forms = form::forms(&page.body);
        let login = forms.iter().find(|form| form.is_login());
        arrival = match (login, forms.iter().find(|form| form.is_question())) {
            (Some(_), _) if has_tried_password => bail!("{}", not_signed_in(wanted, &page)),
            (Some(login), _) => {
                has_tried_password = true;
                eprintln!("  {}: e-mail address and password", url.path());
                let fields = login.signed_in(&wanted.email, wanted.password.reveal());
                browser.submit(&url, login, &fields, CALLBACK).await?
            }
            (None, Some(question)) => {
                eprintln!("  {}: grant {}", url.path(), wanted.scopes.join(", "));
                browser
                    .submit(&url, question, &question.granted(&wanted.scopes), CALLBACK)
                    .await?
            }
            (None, None) => bail!("{}", unknown_page(&url, &page)),
        };
    }
    bail!("there are too many pages, and none leads back to the client")
}

fn not_signed_in(wanted: &WantedToken, page: &Answer) -> String {
    let said = form::message(&page.body).unwrap_or_else(|| "the login page was shown again".to_owned());
    format!("{} cannot sign in with this password: {said}", wanted.email)
}

fn unknown_page(url: &Url, page: &Answer) -> String {
    let said = form::message(&page.body).unwrap_or_else(|| page.body.trim().chars().take(300).collect());
    format!(
        "{} has answered {} without a known form: {said}",
        url.path(),
        page.status
    )
}

/// The code in the URL to which the issuer redirects the browser (RFC 6749, section 4.1.2).
fn code(back: &Url, state: &Secret) -> Result<String> {
    let parameter = |name: &str| {
        let found = back.query_pairs().find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    };
    if parameter("state").as_deref() != Some(state.reveal()) {
        bail!("the answer belongs to another request: its `state` is not ours");
    }
    if let Some(error) = parameter("error") {
        let description = parameter("error_description").unwrap_or_default();
        let hint = match error.as_str() {
            "invalid_scope" => format!("\nThe scopes of the client `{SHOP}`: {}", seed::SCOPES),
            _ => String::new(),
        };
        bail!("the issuer has refused: {error} {description}{hint}");
    }
    parameter("code").context("the issuer has answered without a code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_is_requested_once() {
        let requested = ["admin", "openid", "offline_access admin"].map(str::to_owned);
        assert_eq!(scopes(&requested), ["openid", "admin", "offline_access"]);
        assert_eq!(scopes(&[]), ["openid"]);
    }

    /// RFC 7636, appendix B.
    #[test]
    fn pkce_challenge_is_the_hash_of_the_verifier() {
        let pkce = Pkce {
            verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            state: Secret::new(""),
        };
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn answer_with_another_state_is_refused() {
        let url = |query: &str| Url::parse(&format!("{CALLBACK}?{query}")).expect("a URL");
        let state = Secret::new("s");
        assert_eq!(code(&url("code=a%2Bb&state=s"), &state).expect("a code"), "a+b");
        for (query, said) in [
            ("code=a&state=t", "another request"),
            ("code=a", "another request"),
            ("state=s", "without a code"),
            (
                "state=s&error=invalid_scope&error_description=no+such",
                "no such\nThe scopes of the client `shop`",
            ),
            ("state=s&error=access_denied&code=a", "access_denied"),
        ] {
            let error = code(&url(query), &state).expect_err(query).to_string();
            assert!(error.contains(said), "{query}: {error}");
        }
    }
}
