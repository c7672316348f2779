-- $1: [code, …]
select id, collection, pipeline, parent, duplicate_of, received_at, admitted_at, state,
       outcome, service, also, copies, confidence, decided, to_tell, raw, arrival
from documents
join (
    select likeness.document, count(*) as shared
    from json_array_elements_text(cast($1 as json)) as asked (code)
    join likeness on likeness.code = cast(asked.code as bigint)
    where likeness.document <> $2
    group by likeness.document
) as alike on alike.document = documents.id
order by alike.shared desc, received_at, id
limit $3
