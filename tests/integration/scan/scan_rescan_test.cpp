// SPDX-License-Identifier: Apache-2.0
// Rescans by what changed: whatever a guest does to its disk, they say what a full scan says.
#include "tests/integration/scan/rescan_shop.hpp"

#include <csignal>
#include <random>
#include <thread>

namespace bailiff::test {
namespace {

using agent::ScanScope;

/// Long enough that no filesystem keeps it in an inode.
std::string text(const std::string& name) {
    std::string out;
    while (out.size() < 6000) out += "content of " + name + " line " + std::to_string(out.size()) + "\n";
    return out;
}
const std::string malice = "this is malice";

struct Kind {
    const char* name;
    std::string (*make)(Workshop& shop, const std::vector<std::string>& files);
};
std::string btrfs(Workshop& shop) {
    const std::string image = shop.blank("disk.raw", 128U << 20);
    Workshop::run({"mkfs.btrfs", "-q", "--rootdir", shop.tree(), image});
    return image;
}
const Kind kinds[] = {
    {"ext4", [](Workshop& shop, const std::vector<std::string>&) { return shop.ext("disk.raw"); }},
    {"ext2", [](Workshop& shop, const std::vector<std::string>&) { return shop.ext("disk.raw", "ext2"); }},
    {"ext4_in_a_partition", [](Workshop& shop, const std::vector<std::string>&) { return shop.gpt("disk.raw", {{"", 4U << 20}, {shop.ext("fs.raw", "ext4", 16U << 20), 16U << 20}}); }},
    {"ntfs", [](Workshop& shop, const std::vector<std::string>& files) { return shop.ntfs("disk.raw", files); }},
    {"fat", [](Workshop& shop, const std::vector<std::string>& files) { return shop.fat("disk.raw", files); }},
    {"xfs", [](Workshop& shop, const std::vector<std::string>& files) { return shop.xfs("disk.raw", files); }},
    {"btrfs", [](Workshop& shop, const std::vector<std::string>&) { return btrfs(shop); }},
};

class RescanOf : public testing::TestWithParam<Kind> {};

TEST_P(RescanOf, sees_what_was_written_in_place_and_passes_over_the_rest) {
    RescanShop shop;
    std::vector<std::string> files;
    for (int i = 0; i < 20; ++i) {
        files.push_back("file" + std::to_string(i) + ".txt");
        shop.file(files.back(), text(files.back()));
    }
    shop.begin(GetParam().make(shop, files));
    const auto cold = shop.scan();
    EXPECT_EQ(cold.verdict.files, files.size());
    EXPECT_EQ(cold.verdict.unchanged, 0u);
    EXPECT_EQ(cold.verdict.read, ScanScope::full);
    EXPECT_EQ(cold.err, "");
    const auto again = shop.scan();
    EXPECT_EQ(again.verdict.unchanged, files.size()) << again.out << again.err;
    EXPECT_EQ(again.verdict.read, ScanScope::changed);
    expect_same(again, shop.full());

    // The last line of a file, so that size, times and places stay as they were.
    const std::string from = "content of file7.txt line 2", to = "evil: " + malice + "!!!!!!";
    ASSERT_TRUE(shop.patch(from, to.substr(0, from.size())));
    shop.write_through();
    const auto bitten = shop.scan();
    EXPECT_EQ(bitten.verdict.hits_total, 1u) << "the bitmap tells what no metadata do";
    // A neighbour's end may lie in the same piece of the bitmap.
    EXPECT_GE(bitten.verdict.unchanged, files.size() - 2);
    EXPECT_LT(bitten.verdict.unchanged, files.size());
    expect_same(bitten, shop.full());

    ASSERT_TRUE(shop.patch(to.substr(0, from.size()), from));
    shop.write_through();
    const auto healed = shop.scan();
    EXPECT_EQ(healed.exit, 0);
    EXPECT_EQ(healed.verdict.unchanged, bitten.verdict.unchanged) << "what was written once is read from now on";
    expect_same(healed, shop.full());
}
INSTANTIATE_TEST_SUITE_P(Filesystems, RescanOf, testing::ValuesIn(kinds), [](const auto& kind) { return std::string(kind.param.name); });

/// A guest at work on an ext4 disk, by debugfs on the raw copy.
class Guest {
  public:
    Guest(RescanShop& shop, unsigned seed) : shop_(shop), random_(seed) {
        for (int i = 0; i < 30; ++i) add("f" + std::to_string(next_++), text(std::to_string(i)));
    }
    void act() {
        script_.clear();
        for (int i = 0; i < 3; ++i) one_act();
        const std::string script = shop_.path("script");
        std::ofstream(script) << script_;
        Workshop::run({"debugfs", "-w", "-f", script, shop_.raw()});
        for (const auto& [from, to] : patches_) shop_.patch(from, to);
        patches_.clear();
        shop_.write_through();
    }

  private:
    unsigned any(size_t below) { return static_cast<unsigned>(random_() % below); }
    void add(const std::string& name, const std::string& content) {
        shop_.file(name, content);
        names_.push_back(name);
    }
    void write_file(const std::string& name, const std::string& content) {
        const std::string source = shop_.path("w" + std::to_string(next_++));
        std::ofstream(source) << content;
        script_ += "write " + source + " " + name + "\n";
    }
    void one_act() {
        const size_t which = any(names_.size());
        const std::string name = names_[which], marked = malice + " " + std::to_string(next_);
        switch (any(6)) {
            case 0:
                names_.push_back("f" + std::to_string(next_));
                write_file(names_.back(), any(3) ? text(std::to_string(any(10))) : text("x") + marked);
                break;
            case 1:
                script_ += "rm " + name + "\n";
                names_.erase(names_.begin() + static_cast<std::ptrdiff_t>(which));
                break;
            case 2:  // written anew, with the old times
                script_ += "rm " + name + "\n";
                write_file(name, any(2) ? marked + text("y") : text("y"));
                script_ += "set_inode_field " + name + " mtime 20200101000000\nset_inode_field " + name + " ctime 20200101000000\n";
                break;
            case 3:  // in place
                patches_.emplace_back("content of " + std::to_string(any(30)) + " line ", "this is malice  line ");
                break;
            case 4: patches_.emplace_back(malice + "  line", "content of 3 lin"); break;
            case 5:
                script_ += "ln " + name + " link" + std::to_string(next_) + "\n";
                names_.push_back("link" + std::to_string(next_++));
                break;
        }
    }
    RescanShop& shop_;
    std::mt19937 random_;
    std::vector<std::string> names_;
    std::vector<std::pair<std::string, std::string>> patches_;
    std::string script_;
    int next_ = 0;
};

TEST(Rescan, says_what_a_full_scan_says_after_thirty_rounds_of_a_guests_work) {
    RescanShop shop;
    Guest guest(shop, 20261126);
    shop.begin(shop.ext("disk.raw", "ext4", 8U << 20));
    shop.scan();
    size_t passed_over = 0, found = 0;
    for (int round = 0; round < 30; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        guest.act();
        const auto rescan = shop.scan();
        expect_same(rescan, shop.full());
        passed_over += rescan.verdict.unchanged;
        found += rescan.verdict.hits_total;
        if (HasFailure()) break;
    }
    EXPECT_GT(passed_over, 100u);
    EXPECT_GT(found, 10u);
}

class RescanRefuses : public testing::Test {
  protected:
    void SetUp() override {
        for (int i = 0; i < 10; ++i) shop.file("file" + std::to_string(i), text(std::to_string(i)));
        shop.begin(shop.ext("disk.raw", "ext4", 8U << 20));
        shop.scan();
    }
    /// Everything was read, and the note says why.
    void expect_full(const ScanRun& run, const std::string& why) {
        EXPECT_EQ(run.verdict.unchanged, 0u) << run.out;
        EXPECT_EQ(run.verdict.read, ScanScope::full);
        EXPECT_EQ(run.verdict.files, 10u);
        EXPECT_NE(run.err.find(why), std::string::npos) << run.err;
    }
    RescanShop shop;
};

TEST_F(RescanRefuses, a_bitmap_that_is_not_there) {
    shop.run({"qemu-img", "bitmap", "--remove", shop.disk(), "b0"});
    expect_full(shop.scan(), "no dirty bitmap 'b0'");
    // And one that came after a scan which knew none: what happened in between is in no bitmap.
    shop.run({"qemu-img", "bitmap", "--add", "--enable", shop.disk(), "b0"});
    expect_full(shop.scan(), "knew no dirty bitmap");
    EXPECT_EQ(shop.scan().verdict.unchanged, 10u);
}

TEST_F(RescanRefuses, a_bitmap_that_records_nothing) {
    shop.run({"qemu-img", "bitmap", "--disable", shop.disk(), "b0"});
    expect_full(shop.scan(), "is disabled");
}

TEST_F(RescanRefuses, a_bitmap_that_was_cleared) {
    ASSERT_TRUE(shop.patch("content of 1 line 0", "content of 1 LINE 0"));
    shop.write_through();
    EXPECT_EQ(shop.scan().verdict.unchanged, 9u);
    shop.run({"qemu-img", "bitmap", "--clear", shop.disk(), "b0"});
    expect_full(shop.scan(), "shows less than it did");
}

TEST_F(RescanRefuses, a_bitmap_that_was_in_use_when_its_writer_died) {
    // The flags of the only entry of the list of bitmaps.
    std::fstream file(shop.disk(), std::ios::binary | std::ios::in | std::ios::out);
    std::string all((std::istreambuf_iterator<char>(file)), {});
    const size_t name = all.rfind("b0");
    ASSERT_NE(name, all.npos);
    file.clear();
    file.seekp(static_cast<std::streamoff>(name - 24 + 15));
    file.put(3);
    file.close();
    expect_full(shop.scan(), "inconsistent");
}

TEST_F(RescanRefuses, a_disk_that_has_grown) {
    shop.run({"qemu-img", "resize", shop.disk(), "10M"});
    expect_full(shop.scan(), "another size");
}

TEST_F(RescanRefuses, another_image_under_the_same_name) {
    std::filesystem::rename(shop.disk(), shop.path("aside"));
    std::filesystem::copy_file(shop.path("aside"), shop.disk());
    expect_full(shop.scan(), "another image");
}

TEST_F(RescanRefuses, a_state_that_is_damaged_or_that_others_can_write) {
    std::filesystem::permissions(shop.path("state"), std::filesystem::perms::others_write, std::filesystem::perm_options::add);
    expect_full(shop.scan(), "another user's work");
    EXPECT_EQ(shop.scan().verdict.unchanged, 10u) << "written anew";
    std::fstream file(shop.path("state"), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(100);
    file.put('!');
    file.close();
    expect_full(shop.scan(), "damaged");
    EXPECT_EQ(shop.scan().verdict.unchanged, 10u);
}

TEST_F(RescanRefuses, what_new_signatures_have_not_seen) {
    shop.rule("later", "content of 3 line 0");
    const auto run = shop.scan();
    EXPECT_EQ(run.verdict.unchanged, 0u);
    EXPECT_EQ(run.found(), std::set<std::string>{"disk /file3"});
    // A finding is never passed over.
    const auto next = shop.scan();
    EXPECT_EQ(next.verdict.unchanged, 9u);
    EXPECT_EQ(next.found(), run.found());
}

TEST_F(RescanRefuses, metadata_unless_they_are_trusted) {
    const auto trusted = shop.scan({"--trust-metadata"});
    EXPECT_EQ(trusted.verdict.unchanged, 10u);
    EXPECT_EQ(trusted.verdict.read, ScanScope::changed);
    ASSERT_TRUE(shop.patch("content of 1 line 0", malice + " 1 l"));
    shop.write_through();
    EXPECT_EQ(shop.scan({"--trust-metadata"}).exit, 0) << "what the help warns of";
    // What was taken on trust is no ground for the bitmap, which might not know of it.
    const auto by_bitmap = shop.scan();
    EXPECT_EQ(by_bitmap.exit, 1);
    EXPECT_EQ(by_bitmap.verdict.unchanged, 0u);
}

/// qemu-nbd with a bitmap stands for libvirt's backup, whose bitmap counts from a checkpoint and has a name of its own.
TEST_F(RescanRefuses, a_bitmap_that_counts_from_another_moment) {
    const std::string socket = shop.path("nbd");
    const auto scan = [&](std::vector<std::string> more, const std::string& bitmap = "b0") {
        auto server = agent::Process::start({"qemu-nbd", "-r", "-t", "-B", bitmap, "-k", socket, "-f", "qcow2", shop.disk()}, {});
        for (int i = 0; i < 200 && !std::filesystem::exists(socket); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(25));
        std::vector<std::string> arguments{"--yara", shop.path("rules"), "--cache", shop.path("cache"), "--state", shop.path("nbd-state")};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.push_back("nbd+unix:///?socket=" + socket);
        auto run = scan_image(arguments);
        server->stop();
        std::filesystem::remove(socket);
        return run;
    };
    EXPECT_EQ(scan({"--mark", "c1"}).verdict.unchanged, 0u);
    EXPECT_EQ(scan({"--dirty-bitmap", "b0", "--since", "c1", "--mark", "c2"}).verdict.unchanged, 10u);
    expect_full(scan({"--dirty-bitmap", "b0", "--since", "c1", "--mark", "c3"}), "'c2', and the bitmap counts from 'c1'");
    expect_full(scan({"--dirty-bitmap", "b1", "--since", "c3", "--mark", "c4"}), "no dirty bitmap of this name");
}

TEST_F(RescanRefuses, to_end_later_than_it_is_told) {
    // One file keeps the engine busy for longer than anybody would wait.
    std::ofstream(shop.path("rules/slow.yar")) << "import \"math\"\nrule slow { strings: $a = \"slow for you line 0\" condition: $a and for all i in (1..300000000) : ( uint8(i % filesize) < 300 ) and false }\n";
    EXPECT_EQ(shop.scan().exit, 0);
    ASSERT_TRUE(shop.patch("content of 1 line 0", "slow for you line 0"));
    shop.write_through();
    bool under_way = false;
    agent::ProcessOptions options;
    options.output_cap_bytes = 1U << 20;
    options.on_output = [&](std::string_view text) { under_way = under_way || text.find("\"progress\"") != text.npos; };
    auto process = agent::Process::start(scan_command({"--progress", "--streams", "1", "--yara", shop.path("rules"), "--cache", shop.path("cache"), "--state", shop.path("state"),
                                                       "--format", "qcow2", "--dirty-bitmap", "b0", shop.disk()}), options);
    for (int i = 0; i < 1200 && !under_way && process->running(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(25));
    ASSERT_TRUE(under_way);
    ::kill(process->pid(), SIGTERM);
    const auto told = std::chrono::steady_clock::now();
    const auto run = finish_scan(process->wait(std::chrono::seconds(60)));
    EXPECT_LT(std::chrono::steady_clock::now() - told, std::chrono::seconds(20)) << "each file alone would take longer";
    EXPECT_EQ(run.exit, 3) << run.err;
    EXPECT_EQ(run.skipped(), std::set<std::string>{"  cancelled"});
    // What was known before is known still.
    ASSERT_TRUE(shop.patch("slow for you line 0", "content of 1 line 0"));
    shop.write_through();
    EXPECT_EQ(shop.scan().verdict.unchanged, 9u);
}

}  // namespace
}  // namespace bailiff::test
