-- $1: [code, …]
select id, collection, pipeline, parent, duplicate_of, received_at, admitted_at, state,
       outcome, service, also, copies, confidence, decided, to_tell, raw, arrival
from documents
join (
    select likeness.document, count(*) as shared
    from json_each($1) as asked
    join likeness on likeness.code = asked.value
    where likeness.document <> $2
    group by likeness.document
) as alike on alike.document = documents.id
order by alike.shared desc, received_at, id
limit $3
