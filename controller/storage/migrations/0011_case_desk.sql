-- SPDX-License-Identifier: Apache-2.0
-- Who looks after a case, what else is open of its customer, which reports need no second source, and which files are staff's.

alter table cases add column assignee @key@ not null default '';
create index cases_by_assignee on cases (assignee, number) where assignee <> '';
create index cases_open_by_customer on cases (customer, number) where phase <> 'closed';
alter table reports add column ascertained @integer@ not null default 0;
alter table statement_files add column by_whom text not null default '';
