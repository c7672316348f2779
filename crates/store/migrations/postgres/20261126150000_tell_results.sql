-- How far each follower that keeps its position here has come, in leaves of the log.
create table positions (
    follower text not null primary key,
    leaves bigint not null check (leaves >= 0)
);
