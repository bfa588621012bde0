// SPDX-License-Identifier: Apache-2.0
// What customers keep on their VMs, made from a seed, and the plants among it.
#include "tests/bench/scan/workload.hpp"
#include "tests/fixtures/clamd.hpp"

#include <bailiff/random.hpp>

#include <fmt/format.h>

#include <fstream>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t mib = 1U << 20;

void write(const fs::path& file, std::string_view content) {
    fs::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out.write(content.data(), std::streamsize(content.size()));
    out.close();
    if (!out) throw std::runtime_error("cannot write " + file.string());
}

/// Text and bytes of one customer, drawn in a fixed order.
class Pen {
  public:
    explicit Pen(uint64_t seed) : random_(seed) {
        for (int i = 0; i < 4000; ++i) {
            std::string word(3 + random_.below(9), 'a');
            for (char& letter : word) letter = char('a' + random_.below(26));
            words_.push_back(std::move(word));
        }
    }
    uint64_t below(uint64_t bound) { return random_.below(bound); }
    const std::string& word() { return words_[below(words_.size())]; }
    std::string noise(uint64_t bytes) {
        std::string out((bytes + 7) / 8 * 8, '\0');
        for (size_t i = 0; i < out.size(); i += 8) {
            const uint64_t n = random_.next();
            std::memcpy(out.data() + i, &n, 8);
        }
        out.resize(bytes);
        return out;
    }
    std::string text(uint64_t bytes) {
        std::string out;
        out.reserve(bytes + 16);
        while (out.size() < bytes) (out += word()) += below(12) ? ' ' : '\n';
        out.resize(bytes);
        return out;
    }

    /// Blocks of a megabyte, `texts` of every `period` text and the others noise: a table's pages, some packed.
    void table(const fs::path& file, uint64_t bytes, unsigned texts, unsigned period) {
        fs::create_directories(file.parent_path());
        std::ofstream out(file, std::ios::binary);
        for (uint64_t at = 0, block = 0; at < bytes; at += mib, ++block) {
            const uint64_t size = std::min(mib, bytes - at);
            out << (block % period < texts ? text(size) : noise(size));
        }
    }
    /// The pattern with a word for each %w, a number below 100,000 for each %n and a byte's number for each %b. From left to
    /// right, unlike arguments of a call, which every compiler evaluates in its own order.
    std::string fill(std::string_view pattern) {
        std::string out;
        for (size_t i = 0; i < pattern.size(); ++i) {
            if (pattern[i] != '%') {
                out += pattern[i];
                continue;
            }
            const char kind = pattern[++i];
            out += kind == 'w' ? word() : std::to_string(below(kind == 'n' ? 100'000 : 256));
        }
        return out;
    }
    std::string access_log(uint64_t bytes) {
        std::string out;
        while (out.size() < bytes) {
            out += fill("%b.%b.%b.%b - - [17/Oct/2026:12:%b:%b +0000] \"GET /%w/%w?id=%n HTTP/1.1\" ");
            out += below(9) ? "200" : "404";
            out += fill(" %n \"-\" \"%w/%b.0\"\n");
        }
        return out;
    }
    std::string mail() {
        std::string out = fill("From: %w@%w.example\r\nTo: alice@%w.example\r\nSubject: %w %w\r\nMessage-ID: <%n.%n@%w.example>\r\n\r\n");
        return out += text(500 + below(8500));
    }
    std::string module() {
        std::string out = "<?php\n";
        for (uint64_t left = 20 + below(281); left > 0; --left)
            out += fill("function %w_%n($%w, $%w) {\n    if ($%w > %b) return %w(%b);\n    return '%w';\n}\n");
        return out;
    }
    std::string page() {
        std::string out = fill("<!doctype html>\n<html><head><title>%w %w</title></head>\n<body><h1>%w</h1><p>");
        return (out += text(400 + below(12000))) += "</p></body></html>\n";
    }

  private:
    SeededRandom random_;
    std::vector<std::string> words_;
};

uint32_t crc32_of(std::string_view content) {
    uint32_t crc = ~0U;
    for (const char c : content) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
    }
    return ~crc;
}

/// One deflate block (RFC 1951) of literals with the fixed codes. It saves nothing, but every byte is shifted, so that
/// only who unpacks the archive can find what stands in it.
std::string deflated(std::string_view content) {
    std::string out;
    unsigned used = 0;
    const auto bit = [&](unsigned value) {
        if (used % 8 == 0) out += '\0';
        out.back() = char(static_cast<unsigned char>(out.back()) | value << used % 8);
        ++used;
    };
    const auto code = [&](unsigned value, int bits) {
        while (bits-- > 0) bit(value >> bits & 1);
    };
    bit(1), bit(1), bit(0);
    for (const char c : content) {
        const unsigned literal = static_cast<unsigned char>(c);
        literal < 144 ? code(0x30 + literal, 8) : code(0x190 + literal - 144, 9);
    }
    code(0, 7);
    return out;
}

/// A ZIP archive (APPNOTE 4.3), since Debian has no zip by default.
std::string zip(const std::vector<std::pair<std::string, std::string>>& members) {
    std::string out, directory;
    const auto put = [](std::string& into, uint64_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) into += char(value >> 8 * i);
    };
    for (const auto& [name, content] : members) {
        const std::string packed = deflated(content);
        std::string facts;  // what local and central header share
        put(facts, 20, 2), put(facts, 0, 2), put(facts, 8, 2), put(facts, 0x00210000, 4), put(facts, crc32_of(content), 4);
        put(facts, packed.size(), 4), put(facts, content.size(), 4), put(facts, name.size(), 2), put(facts, 0, 2);
        put(directory, 0x02014b50, 4), put(directory, 20, 2);
        directory += facts;
        put(directory, 0, 10), put(directory, out.size(), 4);
        directory += name;
        put(out, 0x04034b50, 4);
        out += facts + name + packed;
    }
    const size_t start = out.size();
    out += directory;
    put(out, 0x06054b50, 4), put(out, 0, 4), put(out, members.size(), 2), put(out, members.size(), 2);
    put(out, directory.size(), 4), put(out, start, 4), put(out, 0, 2);
    return out;
}

}  // namespace

std::string late_marker() { return "bailiff-bench: what only the update's signatures know, 7c1e"; }

std::vector<Plant> plants() {
    return {{"P1", "/root/eicar.com"},
            {"P2", "/srv/backup/old-site.zip"},
            {"P3", "/var/www/html/wp-content/uploads/shell.php"},
            // A newline, a byte that is no UTF-8 and a terminal's escape: who prints names raw shows something else.
            {"P4", "/var/www/html/bad\nname\xff\x1b[31m.php"},
            {"P5", "/srv/backup/big.tar", true},
            {"P6", "/var/www/html/modules/late.php", false, true}};
}

void write_customer(const fs::path& root, const WorkloadSize& size, uint64_t seed) {
    Pen pen(seed);
    for (int i = 0; i < size.tables; ++i) pen.table(root / fmt::format("srv/db/table{}.ibd", i), size.table_bytes, 1, 2);
    if (size.giant_table_bytes) pen.table(root / "srv/db/ibdata1", size.giant_table_bytes, 2, 3);
    const std::string head("\0\0\0\x20" "ftypisom\0\0\2\0isomiso2avc1mp41", 32);
    for (int i = 0; i < size.clips; ++i) write(root / fmt::format("srv/media/clip{}.mp4", i), head + pen.noise(size.clip_bytes));
    for (int i = 0; i < size.logs; ++i) write(root / fmt::format("var/log/nginx/access.log.{}", i), pen.access_log(size.log_bytes));
    for (int i = 0; i < size.mails; ++i) write(root / fmt::format("home/alice/mail/{:05}.eml", i), pen.mail());
    for (int i = 0; i < size.modules; ++i) write(root / fmt::format("var/www/html/modules/module{}.php", i), pen.module());
    for (int i = 0; i < size.pages; ++i) write(root / fmt::format("var/www/html/{}/page{}.html", i % 97, i), pen.page());
    fs::create_symlink("/etc/passwd", root / "var/www/html/link");
    fs::create_symlink(".", root / "srv/loop");
}

void write_plants(const fs::path& root, const WorkloadSize& size, uint64_t seed) {
    Pen pen(seed);
    const auto all = plants();
    const auto at = [&](size_t index) { return root / all[index].path.substr(1); };
    write(at(0), eicar());
    std::vector<std::pair<std::string, std::string>> members;
    for (int i = 0; i < 200; ++i) members.emplace_back(fmt::format("old-site/{}.html", i), pen.text(200 + pen.below(4000)));
    members.emplace(members.begin() + 77, "old-site/eicar.com", eicar());
    write(at(1), zip(members));
    write(at(2), "<?php /* an upload */ ?>\n" + eicar());
    write(at(3), "<?php /* a name that fools terminals */ ?>\n" + eicar());
    write(at(5), "<?php // " + late_marker() + "\n" + pen.text(2000));

    const fs::path parts = root / "srv/backup/parts";
    std::vector<std::string> tar{"tar", "-C", parts.string(), "--format=ustar", "--mtime=@1760000000", "--owner=0", "--group=0", "--mode=0644", "-cf", at(4).string()};
    for (int i = 0; i < 13; ++i) {
        write(parts / fmt::format("part{}", i), pen.noise(size.tar_member_bytes));
        tar.push_back(fmt::format("part{}", i));
        if (i == 1) tar.push_back("eicar.com");
    }
    write(parts / "eicar.com", eicar());
    must_run(tar);
    fs::remove_all(parts);
}

}  // namespace bailiff::test
