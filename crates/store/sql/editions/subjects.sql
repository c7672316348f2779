select distinct subject from editions order by subject
