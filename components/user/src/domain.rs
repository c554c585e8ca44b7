//! What an account is, what may be a password, a name and a role, and which tokens still hold.

use std::{fmt, str::FromStr};

use kernel::{Caller, Email, EventId, SessionId, TextError, Timestamp, UserId, clean};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) name: Name,
    pub(crate) roles: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl User {
    /// Whether the user has the role that the scope `admin` is for.
    pub(crate) fn is_admin(&self) -> bool {
        is_admin(&self.roles)
    }
}

fn is_admin(roles: &[String]) -> bool {
    roles.iter().any(|role| role == ADMIN)
}

/// What a new account is made of.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) password_hash: PasswordHash,
    pub(crate) name: Name,
}

/// What an account is to become; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) email: Option<Email>,
    pub(crate) name: Option<Name>,
}

/// A password as it was typed: 8 to 128 characters, of any kind, none cut off or changed. Never printed.
pub(crate) struct Password(String);

/// A text that is too short or too long for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 8 to 128 characters")]
pub(crate) struct PasswordError;

impl Password {
    /// What the hash is made of.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Password {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, PasswordError> {
        let fits = (8..=128).contains(&text.chars().count());
        fits.then(|| Self(text.into())).ok_or(PasswordError)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What somebody says a password is, exactly as typed. It is measured against a hash and nothing else, so that what was
/// a password under other rules stays one. Never printed.
pub(crate) struct Guess(String);

/// A text that cannot be anybody's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 128 characters")]
pub(crate) struct GuessError;

impl Guess {
    /// What is compared with the hash.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Guess {
    type Err = GuessError;

    fn from_str(text: &str) -> Result<Self, GuessError> {
        let fits = (1..=128).contains(&text.chars().count());
        fits.then(|| Self(text.into())).ok_or(GuessError)
    }
}

impl fmt::Debug for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guess(…)")
    }
}

/// What is kept of a password: a PHC string with the algorithm, its parameters, the salt and the hash. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(pub(crate) String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What a password is measured against when somebody signs in, and the epoch that goes with it.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) user: UserId,
    pub(crate) password_hash: PasswordHash,
    pub(crate) epoch: i64,
}

/// A login: whose, in which session of the issuer's, and in which epoch of the account. It ends with any of the three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) epoch: i64,
}

/// What a browser is known by where logins are kept: the SHA-256 of its cookie, in 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrowserId(pub(crate) String);

/// What a person wants to be called: up to 100 characters, possibly none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// A name that was stored, possibly under other rules.
    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        clean(text, 100).map(Self)
    }
}

/// The name of the role that may ask for the scope `admin`.
const ADMIN: &str = "admin";

/// Roles to give to a user: known ones, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roles(Vec<String>);

/// A list of texts that are no roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RolesError {
    #[error("must have at most {} entries", Roles::MOST)]
    TooMany,
    #[error("must hold no other role than \"{ADMIN}\"")]
    Unknown,
    #[error(transparent)]
    Text(#[from] TextError),
}

impl Roles {
    /// The longest list, repetitions included.
    const MOST: usize = 10;
    /// The longest role, in characters.
    const MOST_CHARACTERS: usize = 32;

    /// Reads a list of roles; one named twice counts once.
    pub(crate) fn parse(roles: &[String]) -> Result<Self, RolesError> {
        if roles.len() > Self::MOST {
            return Err(RolesError::TooMany);
        }
        for role in roles {
            if clean(role, Self::MOST_CHARACTERS)? != ADMIN {
                return Err(RolesError::Unknown);
            }
        }
        // There is only one role, so all entries are the same.
        let admin = (!roles.is_empty()).then(|| ADMIN.to_owned());
        Ok(Self(admin.into_iter().collect()))
    }

    /// The roles' names.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

/// What a token says about itself, as far as it can go stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) user: UserId,
    pub(crate) issued: Issued,
    pub(crate) session: Option<SessionId>,
    /// Whether it claims the scope `admin`.
    pub(crate) admin: bool,
}

/// When a token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issued {
    /// In this epoch of its user. The exact way to say it.
    In(i64),
    /// At this time, for a token that carries no epoch.
    At(Timestamp),
}

/// Where an account stands, the deleted ones included, and one session of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) is_deleted: bool,
    /// Raised by whatever ends all of the account's tokens.
    pub(crate) epoch: i64,
    pub(crate) epoch_changed_at: Timestamp,
    pub(crate) roles: Vec<String>,
    /// Whether the user has signed out of the session that was asked for.
    pub(crate) session_ended: bool,
}

impl Standing {
    /// Whether a token of that time is one that nothing has ended since.
    fn covers(&self, issued: Issued) -> bool {
        match issued {
            Issued::In(epoch) => epoch == self.epoch,
            Issued::At(at) => self.epoch == 0 || at >= self.epoch_changed_at,
        }
    }
}

/// Whether a token still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) valid: bool,
    /// Whether it claims the scope `admin` and its user still has that role.
    pub(crate) admin: bool,
}

impl Verdict {
    /// The verdict on a token, by where its user stands; `None` is a subject that never was a user, and has nothing that
    /// could be revoked.
    pub(crate) fn on(claims: &Claims, standing: Option<&Standing>) -> Self {
        let valid = standing.is_none_or(|standing| {
            !standing.is_deleted && !standing.session_ended && standing.covers(claims.issued)
        });
        let is_admin = standing.is_some_and(|standing| is_admin(&standing.roles));
        Self {
            valid,
            admin: valid && claims.admin && is_admin,
        }
    }
}

/// Which accounts a caller may reach. It goes into the SQL, too: a use case that forgot to ask would find nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The caller's own.
    Own(UserId),
    /// Everybody's.
    All,
}

impl Reach {
    /// What this caller reaches; `None` for nobody.
    pub(crate) fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::Anonymous => None,
            Caller::User(_) if caller.is_admin() => Some(Self::All),
            Caller::User(user) => Some(Self::Own(user.id)),
        }
    }

    /// Whether this account is within it.
    pub(crate) fn covers(self, id: UserId) -> bool {
        match self {
            Self::All => true,
            Self::Own(own) => own == id,
        }
    }
}

/// Something that happened to an account and that another service has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) kind: EventKind,
    pub(crate) user: UserId,
    pub(crate) occurred_at: Timestamp,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// The account was deleted, for good.
    Deleted,
}

impl EventKind {
    /// As it is stored: such as `user.deleted`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deleted => "user.deleted",
        }
    }

    /// The kind that is stored so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Deleted].into_iter().find(|kind| kind.name() == name)
    }
}

/// How many events are listed or acknowledged in one go at the most.
const MOST_EVENTS: usize = 1000;

/// A number of events that nobody gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {MOST_EVENTS}")]
pub(crate) struct EventLimitError;

/// How many events to list: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventLimit(usize);

impl EventLimit {
    pub(crate) fn get(self) -> usize {
        self.0
    }
}

impl TryFrom<i32> for EventLimit {
    type Error = EventLimitError;

    fn try_from(limit: i32) -> Result<Self, EventLimitError> {
        let limit = usize::try_from(limit).map_err(|_| EventLimitError)?;
        let fits = (1..=MOST_EVENTS).contains(&limit);
        fits.then_some(Self(limit)).ok_or(EventLimitError)
    }
}

/// Texts that do not name events. Counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EventIdsError {
    #[error("must be 1 to {MOST_EVENTS}")]
    Count,
    #[error("must name events by their UUIDs, and number {0} does not")]
    Id(usize),
}

/// Which events are meant: 1 to 1000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventIds(Vec<EventId>);

impl EventIds {
    pub(crate) fn parse(ids: &[String]) -> Result<Self, EventIdsError> {
        if !(1..=MOST_EVENTS).contains(&ids.len()) {
            return Err(EventIdsError::Count);
        }
        let numbered = ids.iter().enumerate();
        let parsed = numbered.map(|(index, id)| id.parse().map_err(|_| EventIdsError::Id(index + 1)));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = EventId> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_counted_in_characters_and_kept_as_typed() {
        for (text, fits) in [
            ("1234567", false),
            ("12345678", true),
            ("パスワード一二三", true),
            (" spaces ", true),
        ] {
            assert_eq!(text.parse::<Password>().is_ok(), fits, "{text:?}");
        }
        assert!("あ".repeat(128).parse::<Password>().is_ok());
        assert!("あ".repeat(129).parse::<Password>().is_err());
        assert_eq!(" spaces ".parse::<Password>().unwrap().as_bytes(), b" spaces ");
    }

    #[test]
    fn a_guess_may_be_shorter_than_a_password_but_not_longer() {
        for (text, fits) in [("", false), ("x", true), ("1234567", true), (" spaces ", true)] {
            assert_eq!(text.parse::<Guess>().is_ok(), fits, "{text:?}");
        }
        assert!("あ".repeat(128).parse::<Guess>().is_ok());
        assert!("あ".repeat(129).parse::<Guess>().is_err());
    }

    #[test]
    fn the_only_role_is_admin() {
        let parse = |roles: &[&str]| {
            let roles: Vec<String> = roles.iter().map(|&role| role.into()).collect();
            Roles::parse(&roles).map(|roles| roles.names().join(","))
        };
        let long = "a".repeat(33);
        let cases: [(&[&str], Result<&str, RolesError>); 9] = [
            (&[], Ok("")),
            (&["admin"], Ok("admin")),
            (&[" admin\n"], Ok("admin")),
            (&["admin", "admin"], Ok("admin")),
            (&["Admin"], Err(RolesError::Unknown)),
            (&["admin", ""], Err(RolesError::Unknown)),
            (&["admin\0"], Err(RolesError::Text(TextError::Control))),
            (&[&long], Err(RolesError::Text(TextError::TooLong(32)))),
            (&["admin"; 11], Err(RolesError::TooMany)),
        ];
        for (roles, expected) in cases {
            assert_eq!(parse(roles), expected.map(str::to_owned), "{roles:?}");
        }
    }

    #[test]
    fn a_token_holds_until_something_ends_it() {
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000 + 500_000);
        let iat = |seconds: i64| Issued::At(Timestamp::from_unix_micros(seconds * 1_000_000));
        let fresh = Standing {
            is_deleted: false,
            epoch: 0,
            epoch_changed_at: at(100),
            roles: vec![],
            session_ended: false,
        };
        let raised = Standing {
            epoch: 3,
            ..fresh.clone()
        };
        let deleted = Standing {
            is_deleted: true,
            ..raised.clone()
        };
        let signed_out = Standing {
            session_ended: true,
            ..fresh.clone()
        };
        let cases = [
            ("of the current epoch", &raised, Issued::In(3), true),
            ("of an earlier epoch", &raised, Issued::In(2), false),
            ("of an epoch to come", &raised, Issued::In(4), false),
            ("of no epoch at all", &raised, Issued::In(-1), false),
            ("issued long before the change", &raised, iat(99), false),
            ("issued in the second of the change", &raised, iat(100), false),
            ("issued after the change", &raised, iat(101), true),
            (
                "of an account without a change, by epoch",
                &fresh,
                Issued::In(0),
                true,
            ),
            ("of an account without a change, by time", &fresh, iat(100), true),
            ("of a deleted account", &deleted, Issued::In(3), false),
            ("of a deleted account, by time", &deleted, iat(101), false),
            ("of an ended session", &signed_out, Issued::In(0), false),
        ];
        for (which, standing, issued, valid) in cases {
            let verdict = Verdict::on(&claims(issued, false), Some(standing));
            assert_eq!(verdict.valid, valid, "whether a token {which} holds");
        }
    }

    #[test]
    fn an_admin_is_who_claims_it_and_still_has_the_role() {
        let standing = |role: Option<&str>, is_deleted| Standing {
            is_deleted,
            epoch: 0,
            epoch_changed_at: Timestamp::from_unix_micros(0),
            roles: role.into_iter().map(str::to_owned).collect(),
            session_ended: false,
        };
        let cases = [
            (true, Some(standing(Some("admin"), false)), true, true),
            (true, Some(standing(Some("other"), false)), true, false),
            (true, Some(standing(None, false)), true, false),
            (false, Some(standing(Some("admin"), false)), true, false),
            (true, Some(standing(Some("admin"), true)), false, false),
            // Never was a user.
            (true, None, true, false),
            (false, None, true, false),
        ];
        for (claimed, standing, valid, admin) in cases {
            let verdict = Verdict::on(&claims(Issued::In(0), claimed), standing.as_ref());
            assert_eq!(
                verdict,
                Verdict { valid, admin },
                "claimed: {claimed}, {standing:?}"
            );
        }
    }

    fn claims(issued: Issued, admin: bool) -> Claims {
        Claims {
            user: UserId::generate(),
            issued,
            session: None,
            admin,
        }
    }

    #[test]
    fn neither_a_password_nor_its_hash_is_ever_printed() {
        let password: Password = "correct horse".parse().unwrap();
        let guess: Guess = "correct horse".parse().unwrap();
        let hash = PasswordHash("$argon2id$secret".into());
        let printed = format!("{password:?} {guess:?} {hash:?}");
        assert!(
            !printed.contains("horse") && !printed.contains("argon2id"),
            "{printed}"
        );
    }

    #[test]
    fn a_kind_of_event_is_stored_by_its_name() {
        assert_eq!(EventKind::named("user.deleted"), Some(EventKind::Deleted));
        for other in ["", "deleted", "user.deleted ", "USER.DELETED"] {
            assert_eq!(EventKind::named(other), None, "{other:?} is no kind");
        }
    }

    #[test]
    fn events_are_asked_for_a_thousand_at_a_time() {
        for (limit, fits) in [
            (1, true),
            (1000, true),
            (0, false),
            (-1, false),
            (1001, false),
            (i32::MIN, false),
        ] {
            assert_eq!(EventLimit::try_from(limit).is_ok(), fits, "a limit of {limit}");
        }
        let ids =
            |count: usize| -> Vec<String> { (0..count).map(|_| EventId::generate().to_string()).collect() };
        for (count, fits) in [(1, true), (1000, true), (0, false), (1001, false)] {
            assert_eq!(EventIds::parse(&ids(count)).is_ok(), fits, "{count} ids");
        }
        let mut wrong = ids(3);
        wrong[1] = "x".into();
        assert_eq!(EventIds::parse(&wrong), Err(EventIdsError::Id(2)));
    }
}
