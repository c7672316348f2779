-- An attempt that ends by being put off was not cut short: it does not count.
update tasks
set not_before = $4,
    reason = $5,
    published_at = null,
    attempts = case when attempts > 0 then attempts - 1 else 0 end
where document = $1 and stage = $2 and generation = $3
