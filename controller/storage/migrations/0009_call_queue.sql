-- SPDX-License-Identifier: Apache-2.0
-- Who waits for a call, the longest first: since when, for cases whose ladder stands on one. Of cases from before, those that
-- may wait are put into the queue; whether they do follows from the case, and its next change settles the column.

alter table cases add column call_since @integer@;
update cases set call_since = opened_at where phase = 'open';
create index cases_by_call on cases (call_since, number) where call_since is not null;
