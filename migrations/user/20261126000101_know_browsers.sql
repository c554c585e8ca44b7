-- Which browser a login was made in: signing out ends all logins that the user has made there.

-- The SHA-256 of the browser's cookie, in hexadecimal digits: a random text of 256 bits, which cannot be found from its hash.
-- Null for a login from before this column.
alter table login_sessions add column browser varchar(64) check (browser ~ '^[0-9a-f]{64}$');

create index login_sessions_browser on login_sessions (user_id, browser);
