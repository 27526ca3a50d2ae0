-- Beside what the ledger says in English stand code and values, so that a receipt says it in German word for word.

alter table raw.delivery add column reason_message jsonb;
comment on column raw.delivery.reason_message is
'The reason by its code and values (ingest/messages.py). Null where a person wrote it, or it was written before codes were kept.';

alter table raw.delivery_event add column problem_messages jsonb;
comment on column raw.delivery_event.problem_messages is
'The problems by code and values, in their order; null for one that was written before codes were kept.';

alter table raw.inbox_file add column problem_message jsonb;
comment on column raw.inbox_file.problem_message is
'The problem by its code and values; null where it was written before codes were kept.';

comment on column raw.rejected_row.reasons is
'Every reason: code of the rule, field, message in English, and in `said` the code and values of the message where they were kept.';
