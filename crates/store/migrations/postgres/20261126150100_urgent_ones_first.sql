-- What is due is read urgent ones first, so that a flood of archives keeps nobody waiting.
create index tasks_due on tasks ((case class when 'urgent' then 0 when 'normal' then 1 else 2 end), ord)
where published_at is null;
drop index tasks_unpublished;
