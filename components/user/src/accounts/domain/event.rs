//! Events of accounts, for the services that keep data of a user.

use std::str::FromStr;

use kernel::{EventId, Timestamp, UserId, Violations};

/// An event of an account that another service has to handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserEvent {
    pub(crate) id: EventId,
    pub(crate) kind: UserEventKind,
    pub(crate) user: UserId,
    pub(crate) occurred_at: Timestamp,
}

/// The change of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserEventKind {
    /// The account was deleted permanently.
    Deleted,
}

/// A stored text that is not the name of a kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it names no known kind of event")]
pub(crate) struct UnknownEventKind;

impl FromStr for UserEventKind {
    type Err = UnknownEventKind;

    /// Reads the name that the outbox stores.
    fn from_str(name: &str) -> Result<Self, UnknownEventKind> {
        match name {
            "user.deleted" => Ok(Self::Deleted),
            _ => Err(UnknownEventKind),
        }
    }
}

/// The most events that one request lists or acknowledges.
const MAX_EVENTS: usize = 1000;

/// A number of events that cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {MAX_EVENTS}")]
pub(crate) struct EventLimitError;

/// The most events to list: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventLimit(usize);

impl EventLimit {
    /// The number.
    pub(crate) fn get(self) -> usize {
        self.0
    }
}

impl TryFrom<i32> for EventLimit {
    type Error = EventLimitError;

    fn try_from(limit: i32) -> Result<Self, EventLimitError> {
        let limit = usize::try_from(limit).map_err(|_| EventLimitError)?;
        let fits = (1..=MAX_EVENTS).contains(&limit);
        fits.then_some(Self(limit)).ok_or(EventLimitError)
    }
}

/// The ids of 1 to 1000 events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventIds(Vec<EventId>);

impl EventIds {
    /// Parses the request's field `ids`: a list of UUIDs.
    ///
    /// # Errors
    /// The number of ids, or all ids that are malformed.
    pub(crate) fn parse(ids: &[String]) -> Result<Self, Violations> {
        if !(1..=MAX_EVENTS).contains(&ids.len()) {
            let count = format_args!("must have 1 to {MAX_EVENTS} entries");
            return Err(Violations::one("ids", count));
        }
        let mut violations = Violations::default();
        let parsed = ids.iter().enumerate();
        let parsed = parsed.filter_map(|(index, id)| violations.take(format!("ids[{index}]"), id.parse()));
        let parsed = Self(parsed.collect());
        violations.is_empty().then_some(parsed).ok_or(violations)
    }

    /// The ids, in the order of the request.
    pub(crate) fn iter(&self) -> impl Iterator<Item = EventId> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_of_event_is_read_by_its_stored_name() {
        assert_eq!("user.deleted".parse(), Ok(UserEventKind::Deleted));
        for other in ["", "deleted", "user.deleted ", "USER.DELETED"] {
            assert_eq!(other.parse::<UserEventKind>(), Err(UnknownEventKind), "{other:?}");
        }
    }

    #[test]
    fn request_lists_or_acknowledges_1_to_1000_events() {
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
        (wrong[0], wrong[2]) = ("x".into(), String::new());
        let violations = EventIds::parse(&wrong).unwrap_err();
        let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
        assert_eq!(fields, ["ids[0]", "ids[2]"]);
    }
}
