//! What the component's variables say, read once for the life of an instance.

use std::{cell::RefCell, collections::HashMap, fmt, rc::Rc, str::FromStr, time::Duration};

use identity::{
    access::Policy,
    seal::SealKey,
    service_token::{Minter, MintingKey},
};
use resilience::{ComponentTransport, breaker::Breaker};
use spin_adapters::variables;

use web::client_address::TrustedProxies;

/// This component's name in `spin.toml`: what its service tokens name as their issuer.
pub(crate) const COMPONENT: &str = "bff";

/// A service behind this component.
pub(crate) struct Service {
    /// Its name in `spin.toml`.
    pub(crate) name: &'static str,
    /// The variable with the key of the tokens for it.
    key: &'static str,
    /// The variable with how long a call of it may take, in seconds.
    timeout: &'static str,
}

/// The user service.
pub(crate) const USER: Service = Service {
    name: "user",
    key: "user_service_key",
    timeout: "user_timeout",
};

/// The product service.
pub(crate) const PRODUCT: Service = Service {
    name: "product",
    key: "product_service_key",
    timeout: "product_timeout",
};

/// The order service.
pub(crate) const ORDER: Service = Service {
    name: "order",
    key: "order_service_key",
    timeout: "order_timeout",
};

/// The services behind this component.
pub(crate) const SERVICES: [Service; 3] = [USER, PRODUCT, ORDER];

impl Service {
    /// The way to it.
    pub(crate) const fn way(&self) -> ComponentTransport {
        ComponentTransport::to(self.name)
            .timeout(self.timeout)
            .breaker(Breaker::shared(self.name))
    }
}

/// How fast somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    /// Requests a second, in the long run; zero for none after the burst.
    pub(crate) per_second: f64,
    /// Requests at once.
    pub(crate) burst: u32,
}

/// All of the variables.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) issuer: Issuer,
    /// What is believed when it comes back from Redis.
    pub(crate) seal: SealKey,
    /// What all keys in Redis begin with.
    pub(crate) redis_prefix: Rc<str>,
    pub(crate) trusted_proxies: TrustedProxies,
    /// For each caller: a user, or else an address.
    pub(crate) rate: Rate,
    /// For what hashes a password, an address.
    pub(crate) password_rate: Rate,
    /// For what answers with a stream, a caller.
    pub(crate) stream_rate: Rate,
    /// For the issuer's discovery document and keys, both together.
    pub(crate) jwks_timeouts: Timeouts,
    minters: HashMap<&'static str, Minter>,
}

/// How long something outside may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// To be reached, for hosts that can tell.
    pub(crate) connect: Duration,
    /// Altogether.
    pub(crate) total: Duration,
}

/// Whose access tokens count.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) url: Rc<str>,
    pub(crate) policy: Policy,
}

/// A variable is not what it must be. Says which; quotes it only where it is no secret.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Variable(#[from] variables::Error),
    #[error("variable {0}: {1}")]
    Wrong(&'static str, String),
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
            rate: Rate {
                per_second: number("rate_per_second").await?,
                burst: number("rate_burst").await?,
            },
            jwks_timeouts: Timeouts {
                connect: variables::seconds("jwks_connect_timeout").await?,
                total: variables::seconds("jwks_timeout").await?,
            },
            password_rate: Rate {
                per_second: number::<f64>("password_per_minute").await? / 60.0,
                burst: number("password_burst").await?,
            },
            stream_rate: Rate {
                per_second: number::<f64>("stream_per_minute").await? / 60.0,
                burst: number("stream_burst").await?,
            },
            minters,
        })
    }

    /// What mints the tokens for calls of a service, by the full name of its Connect service: `user.v1.UserService` is the
    /// component `user`'s.
    pub(crate) fn minter(&self, service: &str) -> Option<&Minter> {
        self.minters.get(service.split('.').next()?)
    }
}

async fn issuer() -> Result<Issuer, Error> {
    let url = variables::get("issuer").await?;
    let audience = variables::get("audience").await?;
    let policy = Policy::new(&url, &audience);
    let policy =
        policy.ok_or_else(|| Error::Wrong("issuer", "neither it nor audience may be empty".into()))?;
    Ok(Issuer { url, policy })
}

async fn parsed<T, E: fmt::Display>(
    variable: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Error> {
    let text = variables::get(variable).await?;
    parse(&text).map_err(|error| Error::Wrong(variable, error.to_string()))
}

/// A number that is not negative.
async fn number<T: FromStr + PartialOrd + Default>(variable: &'static str) -> Result<T, Error> {
    parsed(variable, |text| {
        let number = text.parse().ok().filter(|number| *number >= T::default());
        let number = number.filter(|_| !text.contains("inf"));
        number.ok_or("must be a number, and not negative")
    })
    .await
}
