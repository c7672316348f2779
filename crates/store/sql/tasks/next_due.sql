select min(not_before) as moment from tasks where published_at is null
