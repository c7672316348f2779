select id, collection, pipeline, parent, duplicate_of, received_at, admitted_at, state,
       outcome, service, confidence, decided, raw, arrival
from documents
where id = $1
