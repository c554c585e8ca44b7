//! The store that authorization requires.

use kernel::StoreError;

use crate::authorization::domain::{
    AcceptedConsent, AcceptedLogin, ConsentStep, Decision, Flow, NewFlow, NewGrant,
};
use crate::domain::secret::Hash;

/// Unfinished authorization requests, and remembered consent.
pub(crate) trait AuthorizationStore {
    async fn insert_flow(&self, flow: NewFlow<'_>) -> Result<(), StoreError>;

    /// The request with this login challenge.
    async fn flow_of_login(&self, challenge: &Hash) -> Result<Option<Flow>, StoreError>;

    /// The request with this consent challenge.
    async fn flow_of_consent(&self, challenge: &Hash) -> Result<Option<Flow>, StoreError>;

    /// The request with this verifier.
    async fn flow_of_verifier(&self, verifier: &Hash) -> Result<Option<Flow>, StoreError>;

    /// Stores the login page's decision. False if it has decided before.
    async fn decide_login(
        &self,
        challenge: &Hash,
        decision: &Decision<AcceptedLogin>,
        verifier: &Hash,
    ) -> Result<bool, StoreError>;

    /// Stores the consent page's decision. False if it has decided before.
    async fn decide_consent(
        &self,
        challenge: &Hash,
        decision: &Decision<AcceptedConsent>,
        verifier: &Hash,
    ) -> Result<bool, StoreError>;

    /// Performs the step from login to consent, once. False if it was performed before, or if the remembered login has
    /// ended.
    async fn move_to_consent(&self, step: ConsentStep<'_>) -> Result<bool, StoreError>;

    /// Ends a request that was refused, once. False if it had ended before.
    async fn end_flow(&self, verifier: &Hash, cookie: &Hash) -> Result<bool, StoreError>;

    /// Ends the request, and stores the grant and its code, once. False if it had ended before.
    async fn insert_grant(&self, grant: NewGrant<'_>) -> Result<bool, StoreError>;

    /// Whether the user has granted all of these scopes and audiences to the client before, with consent that is
    /// remembered.
    async fn remembers_consent(
        &self,
        subject: &str,
        client_id: &str,
        scopes: &[String],
        audience: &[String],
    ) -> Result<bool, StoreError>;
}
