insert into positions (follower, leaves) values ($1, $2)
on conflict (follower) do update set leaves = excluded.leaves
