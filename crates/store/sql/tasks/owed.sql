select document, pipeline, stage, generation, class, reason from tasks order by ord
