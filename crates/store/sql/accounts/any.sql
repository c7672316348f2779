select 1 as found from accounts limit 1
