// SPDX-License-Identifier: Apache-2.0
// Lines of ClamAV's signature files, drawn from a seed.
#include "tests/bench/scan/signatures.hpp"

#include "tests/bench/scan/workload.hpp"
#include "tests/fixtures/clamd.hpp"

#include <bailiff/random.hpp>

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>
#include <vector>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

std::string hex_of(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) (out += digits[static_cast<unsigned char>(c) >> 4]) += digits[static_cast<unsigned char>(c) & 15];
    return out;
}

std::string md5_of(std::string_view content) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(content.data(), content.size(), digest, &length, EVP_md5(), nullptr) != 1) throw std::runtime_error("no MD5 here");
    return hex_of({reinterpret_cast<const char*>(digest), length});
}

class Drawer {
  public:
    explicit Drawer(uint64_t seed) : random_(seed) {}
    uint64_t below(uint64_t bound) { return random_.below(bound); }
    std::string bytes(uint64_t count) {
        std::string out;
        while (out.size() < count) out += char(random_.below(256));
        return out;
    }
    std::string hex(uint64_t count) { return hex_of(bytes(count)); }

    /// As the sizes of files and of PE sections are spread: log-normal (mu 11, sigma 1.6), from 200 bytes to 20 MB.
    uint64_t size() {
        const double u = double(1 + below(1U << 30)) / double(1U << 30), v = double(below(1U << 30)) / double(1U << 30);
        const double normal = std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
        return std::clamp<uint64_t>(uint64_t(std::exp(11 + 1.6 * normal)), 200, 20'000'000);
    }

    void take_samples(const fs::path& folder) {
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(folder))
            if (entry.is_regular_file()) files.push_back(entry.path());
        std::sort(files.begin(), files.end());
        for (const auto& file : files) {
            std::ifstream in(file, std::ios::binary);
            std::vector<char> bytes(64 * 1024);
            in.read(bytes.data(), std::streamsize(bytes.size()));
            if (in.gcount() > 64) samples_.emplace_back(bytes.begin(), bytes.begin() + in.gcount());
            if (samples_.size() == 300) break;
        }
    }
    /// A pattern of 24 to 90 bytes; every seventh has a wildcard and a gap.
    std::string pattern(uint64_t number) {
        std::string head;
        if (number % 3 == 0 && !samples_.empty()) {
            const std::string& sample = samples_[below(samples_.size())];
            head = hex_of(std::string_view(sample).substr(below(sample.size() - 5), 5));
        }
        const uint64_t length = 24 + below(67) - head.size() / 2;
        if (number % 7 != 0) return head += hex(length);
        head += hex(length / 3) += "??";
        head += hex(length / 3) += "{4-24}";
        return head += hex(length - 2 * (length / 3));
    }
    /// Any file, PE, HTML, text, ELF, OLE2: 25:40:10:10:10:5.
    int target() {
        const uint64_t draw = below(100);
        return draw < 40 ? 1 : draw < 65 ? 0 : draw < 75 ? 3 : draw < 85 ? 7 : draw < 95 ? 6 : 2;
    }

  private:
    SeededRandom random_;
    std::vector<std::string> samples_;
};

void write_hashes(const fs::path& file, Drawer& draw, uint64_t count, uint64_t digest_bytes, const std::string& name) {
    std::ofstream out(file, std::ios::binary);
    for (uint64_t i = 0; i < count; ++i) {
        const std::string digest = draw.hex(digest_bytes);
        out << digest << ':' << draw.size() << ':' << name << i << '\n';
    }
}

void write_patterns(std::ofstream& out, Drawer& draw, uint64_t count, const std::string& name) {
    for (uint64_t i = 0; i < count; ++i) {
        const int target = draw.target();
        out << name << i << ':' << target << ":*:" << draw.pattern(i) << '\n';
    }
}

}  // namespace

uint64_t write_signatures(const fs::path& database, const fs::path& samples, unsigned divisor, uint64_t seed) {
    fs::create_directories(database);
    Drawer draw(seed);
    draw.take_samples(samples);
    const uint64_t md5s = 300'000 / divisor, sha256s = 150'000 / divisor, sections = 50'000 / divisor, patterns = 30'000 / divisor, logical = 5'000 / divisor;
    write_hashes(database / "bench.hdb", draw, md5s, 16, "Bench.Md5.");
    std::ofstream(database / "bench.hdb", std::ios::app) << md5_of(eicar()) << ":68:Bench.Eicar.Hash\n";
    write_hashes(database / "bench.hsb", draw, sha256s, 32, "Bench.Sha256.");
    {
        std::ofstream out(database / "bench.mdb");
        for (uint64_t i = 0; i < sections; ++i) {
            const uint64_t size = draw.size();
            out << size << ':' << draw.hex(16) << ":Bench.Section." << i << '\n';
        }
    }
    {
        std::ofstream out(database / "bench.ndb");
        write_patterns(out, draw, patterns, "Bench.Pattern.");
        out << signature("Bench.Eicar", eicar());
    }
    std::ofstream out(database / "bench.ldb");
    for (uint64_t i = 0; i < logical; ++i) {
        out << "Bench.Logical." << i << ";Engine:51-255,Target:0;(0&1)|2";
        for (int part = 0; part < 3; ++part) {
            const uint64_t length = 10 + draw.below(21);
            out << ';' << draw.hex(length);
        }
        out << '\n';
    }
    out.close();
    if (!out) throw std::runtime_error("cannot write " + database.string());
    return md5s + sha256s + sections + patterns + logical + 2;
}

void write_update(const fs::path& database, const fs::path& base, unsigned divisor, uint64_t seed) {
    fs::create_directories(database);
    for (const auto& entry : fs::directory_iterator(base)) fs::create_hard_link(entry.path(), database / entry.path().filename());
    Drawer draw(seed);
    write_hashes(database / "update.hdb", draw, 3'000 / divisor, 16, "Bench.New.Md5.");
    std::ofstream out(database / "update.ndb");
    write_patterns(out, draw, 300 / divisor, "Bench.New.Pattern.");
    out << signature("Bench.Late", late_marker());
}

}  // namespace bailiff::test
