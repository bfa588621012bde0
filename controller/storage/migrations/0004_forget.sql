-- SPDX-License-Identifier: Apache-2.0
-- What need not be known for ever is found by its age and forgotten.

create index handled_frames_by_age on handled_frames (at);
create index answers_by_age on answers (at);
