-- No row is written when the same arrival is already here.
insert into documents (
    id, collection, pipeline, parent, duplicate_of, received_at, admitted_at, state,
    outcome, service, confidence, decided, raw, arrival, name_code, content_code
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (id) do nothing
