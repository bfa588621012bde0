-- SPDX-License-Identifier: Apache-2.0
-- What hosts find by themselves: a finding is filed once, and each host says how far its sweep has come.

alter table reports add column fingerprint text not null default '';
create index reports_by_fingerprint on reports (fingerprint, number) where fingerprint <> '';
alter table hosts add column sweep text not null default '';
