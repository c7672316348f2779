select id, collection, pipeline, parent, duplicate_of, received_at, admitted_at, state,
       outcome, service, also, copies, confidence, decided, to_tell, raw, arrival
from documents
-- The bounds are the first and the last moment when the filter has none: a plain range, so that
-- the index in list order serves every filter.
where received_at >= $1
  and received_at < $2
  and ($3 is null or pipeline = $3)
  -- The other services stand between spaces, which no service's id holds.
  and ($4 is null or service = $4 or also like '% ' || $4 || ' %' or copies like '% ' || $4 || ' %')
  and ($5 is null or state = $5)
  and ($6 is null or parent = $6)
  and ($7 = 0 or parent is null)
  and ($8 = 0 or decided is null or decided = 0)
  and ($9 = 0 or to_tell = 1)
  -- Within reach: no list is everything. What came with a document is so with it.
  and (
    $10 is null
    or $6 is not null
    or (parent is null and exists (select 1 from json_each($11) as reader where reader.value = pipeline))
    or (parent is null and exists (
      select 1 from json_each($10) as reader
      where reader.value = service
        or instr(also, ' ' || reader.value || ' ') > 0
        or instr(copies, ' ' || reader.value || ' ') > 0
    ))
  )
  and ($12 is null or received_at > $12 or (received_at = $12 and id > $13))
order by received_at, id
limit $14
