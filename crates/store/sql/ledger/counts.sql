select (select count(*) from documents) as documents,
       (select count(*) from records) as records,
       (select count(*) from records where leaf_index is not null) as sequenced,
       (select count(*) from tasks) as tasks
