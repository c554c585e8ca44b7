//! The component's variables, read once in an instance.

use std::{cell::RefCell, collections::HashMap, fmt, rc::Rc, str::FromStr, time::Duration};

use identity::{
    access::Policy,
    seal::SealKey,
    service_token::{Minter, MintingKey},
};
use resilience::{ComponentTransport, breaker::Breaker};
use spin_adapters::variables;

use web::client_address::TrustedProxies;

/// This component's name in `spin.toml`, which is the issuer of its service tokens.
pub(crate) const COMPONENT: &str = "bff";

/// A service behind this component.
pub(crate) struct BackendService {
    /// Its name in `spin.toml`.
    pub(crate) name: &'static str,
    /// The variable with the key of the service tokens for it.
    key: &'static str,
    /// The variable with the time limit of a call, in seconds.
    timeout: &'static str,
}

/// The user service.
pub(crate) const USER: BackendService = BackendService {
    name: "user",
    key: "user_service_key",
    timeout: "user_timeout",
};

/// The product service.
pub(crate) const PRODUCT: BackendService = BackendService {
    name: "product",
    key: "product_service_key",
    timeout: "product_timeout",
};

/// The order service.
pub(crate) const ORDER: BackendService = BackendService {
    name: "order",
    key: "order_service_key",
    timeout: "order_timeout",
};

/// The services behind this component.
pub(crate) const SERVICES: [BackendService; 3] = [USER, PRODUCT, ORDER];

impl BackendService {
    /// The transport of its clients.
    pub(crate) const fn transport(&self) -> ComponentTransport {
        ComponentTransport::to(self.name)
            .timeout(self.timeout)
            .breaker(Breaker::shared(self.name))
    }
}

/// How many requests a caller may make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateLimit {
    /// Requests a second, in the long run. Zero allows none after the burst.
    pub(crate) per_second: f64,
    /// Requests at once.
    pub(crate) burst: u32,
}

/// All of the variables.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) issuer: TrustedIssuer,
    /// The key of the seals on values in Redis.
    pub(crate) seal: SealKey,
    /// The beginning of all keys in Redis.
    pub(crate) redis_prefix: Rc<str>,
    pub(crate) trusted_proxies: TrustedProxies,
    /// The limit of each user, and of each address without a known token.
    pub(crate) rate_limit: RateLimit,
    /// The extra limit of methods that hash a password, for each address.
    pub(crate) password_limit: RateLimit,
    /// The extra limit of methods that answer with a stream, for each user or address.
    pub(crate) stream_limit: RateLimit,
    /// For the issuer's discovery document and signing keys, both together.
    pub(crate) jwks_timeouts: Timeouts,
    minters: HashMap<&'static str, Minter>,
}

/// The time limits of a request to a server outside of the application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// To connect, on hosts that can limit it.
    pub(crate) connect: Duration,
    /// For the whole request.
    pub(crate) total: Duration,
}

/// The issuer whose access tokens are accepted.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    pub(crate) url: Rc<str>,
    pub(crate) policy: Policy,
}

/// A variable is missing or malformed. The text names it, and quotes it only if it is not a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Variable(#[from] variables::Error),
    #[error("variable {0}: {1}")]
    Malformed(&'static str, String),
}

thread_local! {
    static KNOWN: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
}

impl Settings {
    /// The settings of this instance.
    pub(crate) async fn get() -> Result<Rc<Self>, Error> {
        if let Some(known) = KNOWN.with_borrow(Clone::clone) {
            return Ok(known);
        }
        let settings = Rc::new(Self::read().await?);
        KNOWN.set(Some(Rc::clone(&settings)));
        Ok(settings)
    }

    async fn read() -> Result<Self, Error> {
        let mut minters = HashMap::new();
        for service in SERVICES {
            let key = parsed(service.key, MintingKey::parse).await?;
            minters.insert(service.name, Minter::new(COMPONENT, service.name, key));
        }
        Ok(Self {
            issuer: issuer().await?,
            seal: parsed("seal_key", SealKey::parse).await?,
            redis_prefix: variables::get("redis_prefix").await?,
            trusted_proxies: parsed("trusted_proxies", TrustedProxies::parse).await?,
            rate_limit: RateLimit {
                per_second: number("rate_per_second").await?,
                burst: number("rate_burst").await?,
            },
            jwks_timeouts: Timeouts {
                connect: variables::seconds("jwks_connect_timeout").await?,
                total: variables::seconds("jwks_timeout").await?,
            },
            password_limit: RateLimit {
                per_second: number::<f64>("password_per_minute").await? / 60.0,
                burst: number("password_burst").await?,
            },
            stream_limit: RateLimit {
                per_second: number::<f64>("stream_per_minute").await? / 60.0,
                burst: number("stream_burst").await?,
            },
            minters,
        })
    }

    /// The minter of tokens for calls of a service, by the full name of its Connect service: `user.v1.UserService` belongs
    /// to the component `user`.
    pub(crate) fn minter(&self, service: &str) -> Option<&Minter> {
        self.minters.get(service.split('.').next()?)
    }
}

async fn issuer() -> Result<TrustedIssuer, Error> {
    let url = variables::get("issuer").await?;
    let audience = variables::get("audience").await?;
    let policy = Policy::new(&url, &audience);
    let policy =
        policy.ok_or_else(|| Error::Malformed("issuer", "neither it nor audience may be empty".into()))?;
    Ok(TrustedIssuer { url, policy })
}

async fn parsed<T, E: fmt::Display>(
    variable: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Error> {
    let text = variables::get(variable).await?;
    parse(&text).map_err(|error| Error::Malformed(variable, error.to_string()))
}

async fn number<T: FromStr + Into<f64> + Copy>(variable: &'static str) -> Result<T, Error> {
    parsed(variable, parse_number).await
}

/// A number that is finite and not negative.
fn parse_number<T: FromStr + Into<f64> + Copy>(text: &str) -> Result<T, &'static str> {
    let number = text.parse().ok();
    let number = number.filter(|number: &T| (0.0..f64::INFINITY).contains(&(*number).into()));
    number.ok_or("must be a number, and not negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_finite_numbers_that_are_not_negative() {
        for (text, number) in [("0", 0.0), ("0.5", 0.5), ("1e3", 1000.0)] {
            assert_eq!(parse_number(text), Ok(number));
        }
        assert_eq!(parse_number("100"), Ok(100_u32));
        for text in [
            "",
            "many",
            "-1",
            "-0.1",
            "inf",
            "Infinity",
            "+Infinity",
            "NaN",
            "1e999",
        ] {
            assert!(parse_number::<f64>(text).is_err(), "{text:?} must be refused");
        }
        for text in ["0.5", "-1", "4294967296"] {
            assert!(parse_number::<u32>(text).is_err(), "{text:?} must be refused");
        }
    }
}
