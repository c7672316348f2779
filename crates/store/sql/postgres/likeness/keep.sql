-- $2: [code, …], each once
insert into likeness (code, document)
select cast(code as bigint), $1 from json_array_elements_text(cast($2 as json)) as kept (code)
