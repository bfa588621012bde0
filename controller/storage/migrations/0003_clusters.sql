-- SPDX-License-Identifier: Apache-2.0
-- Hosts that can run each other's VMs share a word: before a VM goes off, its lock is held on all of them.

alter table hosts add column cluster text not null default '';
