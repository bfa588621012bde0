// SPDX-License-Identifier: Apache-2.0
// An erased log under attack: what was erased is vouched for, and nobody can hide a change in the hole.
#include "controller/storage/chain.hpp"
#include "controller/storage/memory_storage.hpp"

#include <gtest/gtest.h>

namespace bailiff {
namespace {

Instant moment(int64_t seconds) { return Instant(Seconds(1'700'000'000 + seconds)); }

class AnErasedLog : public testing::Test {
  protected:
    /// Three cases of five items each, in turn; the middle one is erased, and then the first goes on.
    void SetUp() override {
        MemoryStorage storage;
        std::vector<core::Case> cases(3);
        const auto add = [&](core::Case& c, const core::Fact& fact) {
            const int64_t before = c.revision;
            const auto items = core::stamp(c, {fact}, moment(before), "staff:alice");
            ASSERT_TRUE(storage.save(before, c, items, std::nullopt));
        };
        for (auto& c : cases) {
            c.id = storage.next_case_id();
            core::CaseOpened opened;
            opened.case_id = c.id;
            opened.customer_name = "Lotus";
            add(c, opened);
        }
        for (int i = 0; i < 3; ++i)
            for (auto& c : cases) add(c, core::NoteAdded{"Asha, note " + std::to_string(i)});
        for (auto& c : cases) add(c, core::CaseClosed{core::Outcome::accepted, "Asha"});
        const CaseId id = cases[1].id;
        std::vector<core::HistoryItem> left;
        for (auto& item : storage.history(id, 0, 100)) left.push_back(core::erased(std::move(item)));
        const std::string seal_text = core::seal_of(storage.links_of(id, left));
        const int64_t upto = cases[1].revision;
        add(cases[1], core::CaseErased{upto, seal_text, seal(key_, core::erasure_payload_type, core::erasure_payload(id, upto, seal_text)), "asked for"});
        storage.erase_texts(id, left, upto + 1);
        add(cases[0], core::NoteAdded{"life goes on"});
        items_ = storage.chain(0, 100);
        erased_ = id;
        anchors_.cases.emplace();
        for (const auto& item : items_) (*anchors_.cases)[item.case_id] = item.revision;
        const auto& head = items_.back();
        anchors_.checkpoints.push_back({head.position, head.hash, moment(100), seal(key_, checkpoint_payload_type, checkpoint_payload(head.position, head.hash, moment(100)))});
        anchors_.keys.emplace(key_.key_id(), key_);
    }
    /// Six years later.
    void thin() {
        for (auto& item : items_)
            if (item.erased > 0) item.text = link_text(item.case_id, item.revision, sha256_hex(item.text));
        anchors_.cases->erase(erased_);
    }
    static void rehash(std::vector<ChainedItem>& items, size_t from) {
        for (size_t i = from; i < items.size(); ++i)
            if (items[i].erased == 0) items[i].hash = chained_hash(i ? items[i - 1].hash : "", items[i].text);
    }
    SignatureKey key_ = SignatureKey::from_seed(std::string(32, 'k'));
    std::vector<ChainedItem> items_;
    AuditAnchors anchors_;
    CaseId erased_;
};

TEST_F(AnErasedLog, is_whole) {
    const auto fault = verify_chain(items_, anchors_);
    EXPECT_FALSE(fault) << fault->text;
    size_t holes = 0;
    for (const auto& item : items_) holes += item.erased > 0;
    EXPECT_EQ(holes, 5u);
    for (const auto& item : items_)
        if (item.case_id == erased_) {
            EXPECT_EQ(item.text.find("Asha"), std::string::npos);
        }
}

TEST_F(AnErasedLog, shows_any_change_of_what_is_left) {
    for (size_t i = 0; i < items_.size(); ++i) {
        if (items_[i].erased == 0) continue;
        for (const auto change : {+[](ChainedItem& item) { item.text.replace(item.text.find("[erased]"), 8, "innocent"); }, +[](ChainedItem& item) { item.hash[3] ^= 1; },
                                  +[](ChainedItem& item) { item.erased = 0; }, +[](ChainedItem& item) { item.erased += 1; }}) {
            auto items = items_;
            change(items[i]);
            EXPECT_TRUE(verify_chain(items, anchors_)) << i;
        }
    }
}

TEST_F(AnErasedLog, is_whole_when_only_links_are_left_of_the_erased_case) {
    thin();
    const auto fault = verify_chain(items_, anchors_);
    EXPECT_FALSE(fault) << fault->text;
    auto items = items_;
    for (size_t i = 0; i < items.size(); ++i) {
        if (items[i].erased == 0) continue;
        for (const auto change : {+[](ChainedItem& item) { item.text.replace(item.text.find("left_sha256") + 15, 1, "x"); }, +[](ChainedItem& item) { item.hash[3] ^= 1; },
                                  +[](ChainedItem& item) { item.erased = 0; }}) {
            auto changed = items_;
            change(changed[i]);
            EXPECT_TRUE(verify_chain(changed, anchors_)) << i;
        }
    }
}

TEST_F(AnErasedLog, shows_a_link_in_the_place_of_an_item_that_nobody_erased) {
    auto items = items_;
    items[0].text = link_text(items[0].case_id, 1, std::string(64, 'a'));
    EXPECT_TRUE(verify_chain(items, anchors_));
    items[0].erased = 6;
    EXPECT_TRUE(verify_chain(items, anchors_));
}

TEST_F(AnErasedLog, shows_a_row_that_was_removed_before_its_time) {
    anchors_.cases->erase(erased_);
    EXPECT_TRUE(verify_chain(items_, anchors_));
}

TEST_F(AnErasedLog, shows_what_was_rewritten_before_a_hole) {
    for (size_t i = 0; i < items_.size(); ++i) {
        if (items_[i].erased > 0 || items_[i].text.find("note") == std::string::npos) continue;
        auto items = items_;
        items[i].text.replace(items[i].text.find("note"), 4, "lies");
        rehash(items, i);
        EXPECT_TRUE(verify_chain(items, anchors_)) << i << ": hashes are forged up to the hole, and the hole's own stay";
    }
}

TEST_F(AnErasedLog, shows_a_hole_that_nobody_vouches_for) {
    auto items = items_;
    items[0].erased = 5;
    items[0].text = R"({"case":"C-1","revision":1,"fact":"note_added"})";
    const auto fault = verify_chain(items, {});
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->position, 1);
    EXPECT_NE(fault->text.find("no erasure"), std::string::npos) << fault->text;
}

TEST_F(AnErasedLog, shows_an_erasure_that_the_controller_did_not_sign) {
    // Whoever can write into the database appends an erasure with a right seal, before the next checkpoint.
    auto items = items_;
    items.pop_back();
    auto& record = items.back();
    ASSERT_NE(record.text.find("case_erased"), std::string::npos);
    Json text = *parse_json(record.text);
    text["body"]["envelope"] = seal(SignatureKey::from_seed(std::string(32, 'x')), core::erasure_payload_type,
                                    core::erasure_payload(erased_, text["body"]["upto"].get<int64_t>(), text["body"]["seal"].get<std::string>()));
    record.text = dump_json(text);
    rehash(items, items.size() - 1);
    AuditAnchors unsigned_tail;
    unsigned_tail.keys = anchors_.keys;
    const auto fault = verify_chain(items, unsigned_tail);
    ASSERT_TRUE(fault);
    EXPECT_NE(fault->text.find("not signed"), std::string::npos) << fault->text;
    EXPECT_FALSE(verify_chain(items, {})) << "without a key nothing can be said of signatures";
}

}  // namespace
}  // namespace bailiff
