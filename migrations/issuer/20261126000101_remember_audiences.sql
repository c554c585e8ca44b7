-- Remembered consent covers the audiences that were granted, as it covers the scopes: the user is asked again for others.
-- Consent from before this migration has no audience, so a client that requests one needs consent once more.
alter table remembered_consents add column audience text[] not null default '{}';

-- Who is signed in is looked up by the login that a grant came of.
create index grants_session_id on grants (subject, session_id) where revoked_at is null;
