// SPDX-License-Identifier: Apache-2.0
// The audit chain under attack: every kind of tampering at every position of a 500-item log must be found.
#include "controller/storage/chain.hpp"
#include "controller/storage/memory_storage.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bailiff {
namespace {

Instant at(int64_t seconds) { return Instant(Seconds(1'700'000'000 + seconds)); }

/// Gives every link its position and hash anew: what an attacker with the database, but without the keys, can do.
void forge(std::vector<ChainedItem>& items) {
    std::string head;
    int64_t position = 0;
    for (auto& item : items) {
        item.position = ++position;
        head = item.hash = chained_hash(head, item.text);
    }
}

class Tampering : public testing::Test {
  protected:
    static constexpr size_t size = 500;
    static constexpr size_t checkpoint_every = 100;

    /// 14 cases whose items alternate, made through the storage itself; checkpoints at 100, 200, 300 and 400.
    void SetUp() override {
        MemoryStorage storage;
        std::vector<core::Case> cases;
        size_t made = 0;
        for (size_t i = 0; made < size; ++i) {
            if (cases.size() < 14) {
                cases.emplace_back();
                cases.back().id = storage.next_case_id();
            }
            core::Case& target = cases[i < 14 ? i : (i * 7 + i / 5) % 14];
            const int64_t before = target.revision;
            std::vector<core::Fact> facts;
            if (before == 0) {
                core::CaseOpened opened;
                opened.case_id = target.id;
                opened.vm = VmId("vm");
                facts.emplace_back(opened);
            }
            facts.emplace_back(core::NoteAdded{"note " + std::to_string(i)});
            const auto items = core::stamp(target, facts, at(int64_t(i)), "staff:alice");
            ASSERT_TRUE(storage.save(before, target, items, std::nullopt));
            made += items.size();
        }
        items_ = storage.chain(0, size);
        anchors_.cases.emplace();
        for (const auto& item : items_) (*anchors_.cases)[item.case_id] = item.revision;
        for (size_t n = checkpoint_every; n < size; n += checkpoint_every) {
            const auto& link = items_[n - 1];
            anchors_.checkpoints.push_back(Checkpoint{link.position, link.hash, at(1000),
                                                      seal(key_, checkpoint_payload_type, checkpoint_payload(link.position, link.hash, at(1000)))});
        }
        anchors_.keys.emplace(key_.key_id(), key_);
    }

    /// The fault must be named at `position` exactly, or at the checkpoint that gives it away.
    void expect_fault(const std::vector<ChainedItem>& items, int64_t position, const std::string& what) {
        const auto fault = verify_chain(items, anchors_);
        ASSERT_TRUE(fault) << what << " at " << position << " was not found";
        EXPECT_EQ(fault->position, position) << what << ": " << fault->text;
        EXPECT_FALSE(fault->text.empty());
    }
    void expect_found(const std::vector<ChainedItem>& items, const std::string& what) {
        EXPECT_TRUE(verify_chain(items, anchors_)) << what << " was not found";
    }

    SignatureKey key_ = SignatureKey::from_seed(std::string(32, 'k'));
    std::vector<ChainedItem> items_;
    AuditAnchors anchors_;
};

TEST_F(Tampering, of_nothing_is_no_fault) {
    const auto fault = verify_chain(items_, anchors_);
    EXPECT_FALSE(fault) << fault->text;
    EXPECT_FALSE(verify_chain({}, {}));
}

TEST_F(Tampering, by_editing_any_field_is_found) {
    for (size_t i = 0; i < size; ++i) {
        const auto edited = [&](const char* what, auto change) {
            auto items = items_;
            change(items[i]);
            expect_fault(items, int64_t(i) + 1, what);
        };
        edited("a flipped bit in the text", [&](ChainedItem& item) { item.text[i % item.text.size()] = char(item.text[i % item.text.size()] ^ 1); });
        edited("a longer text", [](ChainedItem& item) { item.text += ' '; });
        edited("a flipped hash", [&](ChainedItem& item) { item.hash[i % 64] = item.hash[i % 64] == '0' ? '1' : '0'; });
        edited("another position", [](ChainedItem& item) { item.position += 1; });
        edited("another case", [](ChainedItem& item) { item.case_id = CaseId("C-99"); });
        edited("another revision", [](ChainedItem& item) { item.revision += 1; });
    }
}

TEST_F(Tampering, by_deleting_any_item_is_found) {
    for (size_t i = 0; i < size; ++i) {
        auto items = items_;
        items.erase(items.begin() + long(i));
        expect_fault(items, int64_t(i) + 1, "a deleted item");
        for (size_t k = i; k < items.size(); ++k) items[k].position = int64_t(k) + 1;
        if (i + 1 < size) expect_fault(items, int64_t(i) + 1, "a deleted item, renumbered");
        forge(items);
        expect_found(items, "a deleted item, all hashes forged");
    }
}

TEST_F(Tampering, by_inserting_anywhere_is_found) {
    for (size_t i = 0; i <= size; ++i) {
        auto items = items_;
        ChainedItem false_item = items_[i == size ? 0 : i];
        items.insert(items.begin() + long(i), false_item);
        if (i < size) expect_fault(items, int64_t(i) + 2, "a doubled item");
        else expect_found(items, "an appended item");
        forge(items);
        expect_found(items, "an inserted item, all hashes forged");
    }
}

TEST_F(Tampering, by_swapping_any_neighbours_is_found) {
    for (size_t i = 0; i + 1 < size; ++i) {
        auto items = items_;
        std::swap(items[i], items[i + 1]);
        expect_fault(items, int64_t(i) + 1, "swapped items");
        std::swap(items[i].position, items[i + 1].position);
        expect_fault(items, int64_t(i) + 1, "swapped items, renumbered");
        forge(items);
        // Up to the last checkpoint a signature stands against it; after that only within one case.
        if (i + 1 < 400 || items[i].case_id == items[i + 1].case_id) expect_found(items, "swapped items, all hashes forged");
    }
}

TEST_F(Tampering, by_cutting_the_end_off_anywhere_is_found) {
    for (size_t left = 0; left < size; ++left) {
        const std::vector<ChainedItem> items(items_.begin(), items_.begin() + long(left));
        expect_fault(items, int64_t(left) + 1, "a cut end");
        if (left >= 400) continue;
        // Even when the cases' rows are set back as well, the checkpoints remember.
        auto anchors = anchors_;
        anchors.cases->clear();
        for (const auto& item : items) (*anchors.cases)[item.case_id] = item.revision;
        const auto fault = verify_chain(items, anchors);
        ASSERT_TRUE(fault) << left;
        EXPECT_EQ(fault->position, int64_t(left) + 1) << fault->text;
    }
}

TEST_F(Tampering, by_rewriting_with_forged_hashes_is_found_by_the_next_checkpoint) {
    for (size_t i = 0; i < 400; ++i) {
        auto items = items_;
        const size_t place = items[i].text.find("alice");
        ASSERT_NE(place, std::string::npos);
        items[i].text.replace(place, 5, "mandy");
        forge(items);
        expect_fault(items, int64_t((i / checkpoint_every + 1) * checkpoint_every), "a rewritten log");
    }
}

TEST_F(Tampering, with_checkpoints_is_found) {
    for (size_t i = 0; i < anchors_.checkpoints.size(); ++i) {
        const auto intact = anchors_;
        const int64_t position = intact.checkpoints[i].position;
        anchors_.checkpoints[i].hash[5] = 'x';
        expect_fault(items_, position, "another hash");
        anchors_ = intact;
        anchors_.checkpoints[i].at += Seconds(1);
        expect_fault(items_, position, "another time");
        anchors_ = intact;
        anchors_.checkpoints[i].envelope = intact.checkpoints[(i + 1) % 4].envelope;
        expect_fault(items_, position, "another's envelope");
        anchors_ = intact;
        const auto other = SignatureKey::from_seed(std::string(32, 'x'));
        anchors_.checkpoints[i].envelope =
            seal(other, checkpoint_payload_type, checkpoint_payload(position, intact.checkpoints[i].hash, intact.checkpoints[i].at));
        expect_fault(items_, position, "another key");
        anchors_ = intact;
        anchors_.checkpoints[i].envelope =
            seal(key_, order_payload_type, checkpoint_payload(position, intact.checkpoints[i].hash, intact.checkpoints[i].at));
        expect_fault(items_, position, "a signature for another purpose");
        anchors_ = intact;
    }
}

TEST_F(Tampering, with_case_rows_is_found) {
    for (const auto& [id, revision] : std::map<CaseId, int64_t>(*anchors_.cases)) {
        const auto intact = anchors_;
        (*anchors_.cases)[id] = revision - 1;
        expect_found(items_, "a row set back");
        (*anchors_.cases)[id] = revision + 1;
        expect_found(items_, "a row ahead of its history");
        anchors_.cases->erase(id);
        expect_found(items_, "a row deleted");
        anchors_ = intact;
    }
    (*anchors_.cases)[CaseId("C-99")] = 1;
    expect_found(items_, "a row without a history");
}

}  // namespace
}  // namespace bailiff
