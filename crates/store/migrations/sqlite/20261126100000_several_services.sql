-- What a person decided beside the service: others that have something to do, those that have a
-- copy, each between spaces (` ccas voirie `) and absent when there is none; and whether another
-- authority is competent while whoever wrote is still to be told (CRPA L114-2).
alter table documents add column also text;
alter table documents add column copies text;
alter table documents add column to_tell integer check (to_tell in (0, 1));
create index documents_to_tell on documents (received_at, id) where to_tell = 1;
