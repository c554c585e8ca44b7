//! Client of the user component: the list of deleted users.

use std::time::Duration;

use api::user::v1::{
    AcknowledgeUserEventsRequest, ListUserEventsRequest, UserEvent, UserEventKind, UserEventServiceClient,
};
use connect::ConnectError;
use http::HeaderMap;
use kernel::Caller;
use resilience::ComponentTransport;

use crate::{
    calls::{Callee, Origin},
    service::{Deletion, Users},
};

/// The user component.
const CALLEE: Callee = Callee {
    name: "user",
    key: "user_service_key",
};

/// Its transport. A call has at most 3 s: a run of the reconciler has more work.
const USER: ComponentTransport = ComponentTransport::to(CALLEE.name)
    .timeout("user_timeout")
    .at_most(Duration::from_secs(3));

/// The user component, for one run of the reconciler. The calls are on behalf of no user.
pub(crate) struct Remote(Origin);

impl Remote {
    /// For a run whose request has these headers.
    pub(crate) fn for_request(headers: &HeaderMap) -> Self {
        Self(Origin::new(&Caller::Anonymous, headers, None))
    }
}

impl Users for Remote {
    async fn deletions(&self, limit: u32) -> Result<Vec<Deletion>, String> {
        let options = self.0.options(CALLEE).await?;
        let request = ListUserEventsRequest {
            limit: limit.try_into().unwrap_or(i32::MAX),
        };
        let client = UserEventServiceClient::new(USER);
        let answer = client.list_user_events(options, request).await;
        let events = answer.map_err(|error| describe(&error))?.message.events;
        events.iter().map(deletion).collect()
    }

    async fn acknowledge(&self, deletions: &[Deletion]) -> Result<(), String> {
        let options = self.0.options(CALLEE).await?;
        let request = AcknowledgeUserEventsRequest {
            ids: deletions
                .iter()
                .map(|deletion| deletion.event.to_string())
                .collect(),
        };
        let client = UserEventServiceClient::new(USER);
        let answer = client.acknowledge_user_events(options, request).await;
        answer.map(drop).map_err(|error| describe(&error))
    }
}

/// Every kind of event so far concerns this component. An event of an unknown kind is not acknowledged, so that it is not lost.
fn deletion(event: &UserEvent) -> Result<Deletion, String> {
    if event.kind() != UserEventKind::Deleted {
        return Err(format!("user: the event {:?} is of no known kind", event.id));
    }
    let wrong = |error| format!("user: an id in its answer {error}");
    Ok(Deletion {
        event: event.id.parse().map_err(wrong)?,
        user: event.user_id.parse().map_err(wrong)?,
    })
}

fn describe(error: &ConnectError) -> String {
    format!("user: {:?}: {}", error.code(), error.message())
}

#[cfg(test)]
mod tests {
    use kernel::{EventId, UserId};

    use super::*;

    #[test]
    fn only_a_complete_event_of_a_known_kind_is_a_deletion() {
        let (id, user) = (EventId::generate(), UserId::generate());
        let event = |kind: UserEventKind, id: &str, user: &str| UserEvent {
            id: id.into(),
            kind: kind.into(),
            user_id: user.into(),
            occurred_at: None,
        };
        let whole = event(UserEventKind::Deleted, &id.to_string(), &user.to_string());
        assert_eq!(deletion(&whole), Ok(Deletion { event: id, user }));
        let others = [
            event(UserEventKind::Unspecified, &id.to_string(), &user.to_string()),
            event(UserEventKind::Deleted, "", &user.to_string()),
            event(UserEventKind::Deleted, &id.to_string(), "42"),
        ];
        for other in others {
            assert!(deletion(&other).is_err(), "{other:?} names no deleted user");
        }
    }
}
