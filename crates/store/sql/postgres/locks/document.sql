-- Until the end of the transaction: what finishes two tasks of one document at once must see one
-- another's records, and take their other locks one after the other.
select id from documents where id = $1 for no key update
