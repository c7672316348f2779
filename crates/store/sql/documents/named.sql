select id, collection, pipeline, parent, duplicate_of, received_at, admitted_at, state,
       outcome, service, also, copies, confidence, decided, to_tell, raw, arrival
from documents
where name_code = $1
order by ord
