-- $2: [code, …], each once
insert into likeness (code, document)
select value, $1 from json_each($2)
