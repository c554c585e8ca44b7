-- Attempts are counted by address, too: what is counted for is no longer only an account.

alter table login_attempts rename column account to bucket;
