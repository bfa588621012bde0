// SPDX-License-Identifier: Apache-2.0
// Snapshots are sorted arrays: ten million signatures are eighty megabytes in a file and one binary search each.
#include "agent/scan/engines/signature_delta.hpp"

#include "agent/scan/engines/signature_lines.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <map>

namespace bailiff::agent {
namespace {

/// "BSG1": the form of the file, and of the hash in it.
constexpr uint64_t snapshot_mark = 0x31475342;
constexpr uint64_t most_signatures = 100'000'000;

/// FNV-1a, 64 bits: quick on short texts, and the same in every build.
uint64_t fnv(std::string_view text, uint64_t from = 0xcbf29ce484222325) {
    for (const char c : text) from = (from ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return from;
}

uint64_t signature_hash(std::string_view extension, std::string_view text) { return fnv(text, fnv(":", fnv(extension))); }

void order(std::vector<uint64_t>& hashes) {
    std::sort(hashes.begin(), hashes.end());
    hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

class Snapshooter : public SignatureReader {
  public:
    Result<void> line(SignatureKind kind, std::string_view extension, std::string_view text) override {
        (kind == SignatureKind::matching ? taken_.matching : taken_.allowing).push_back(signature_hash(extension, text));
        return {};
    }
    Result<void> file(std::string_view extension, std::string_view content) override {
        taken_.fixed.push_back(signature_hash(extension, content));
        return {};
    }
    SignatureSnapshot ordered() {
        order(taken_.matching), order(taken_.allowing), order(taken_.fixed);
        return std::move(taken_);
    }

  private:
    SignatureSnapshot taken_;
};

/// Takes the snapshot and writes the delta in one reading.
class DeltaWriter : public SignatureReader {
  public:
    DeltaWriter(const SignatureSnapshot& older, uint64_t most, const std::string& into) : older_(older), most_(most), into_(into) {}

    Result<void> line(SignatureKind kind, std::string_view extension, std::string_view text) override {
        (void)snapshot_.line(kind, extension, text);
        if (kind == SignatureKind::matching) {
            if (std::binary_search(older_.matching.begin(), older_.matching.end(), signature_hash(extension, text))) return {};
            // A macro of a logical signature is another signature of the set, which the new ones alone would not have.
            if (text.find("${") != text.npos) return fail(Errc::conflict, "a new signature builds on others");
            if (++lines_ > most_) return fail(Errc::conflict, "more than " + std::to_string(most_) + " signatures are new");
        }
        return write(std::string(extension), text);
    }
    Result<void> file(std::string_view extension, std::string_view content) override {
        (void)snapshot_.file(extension, content);
        // What is fixed and matches by itself was matched already.
        if (extension == "cbc" || extension == "yar" || extension == "yara") return {};
        std::ofstream out(into_ + "/fixed-" + std::to_string(files_++) + "." + std::string(extension), std::ios::binary);
        out.write(content.data(), static_cast<std::streamsize>(content.size()));
        return out.flush() ? Result<void>{} : cannot_write();
    }
    Result<SignatureDelta> finish() {
        for (auto& [extension, out] : outs_)
            if (!out.flush()) return fail(cannot_write().error());
        SignatureDelta delta{lines_, snapshot_.ordered()};
        if (delta.now.fixed != older_.fixed) return fail(Errc::conflict, "how contents are taken apart has changed");
        if (!std::includes(delta.now.allowing.begin(), delta.now.allowing.end(), older_.allowing.begin(), older_.allowing.end()))
            return fail(Errc::conflict, "something that was allowed is allowed no more");
        return delta;
    }

  private:
    Result<void> cannot_write() const { return fail(Errc::unavailable, "'" + into_ + "' cannot be written"); }
    Result<void> write(const std::string& extension, std::string_view text) {
        auto [at, added] = outs_.try_emplace(extension);
        if (added) at->second.open(into_ + "/new." + extension, std::ios::binary);
        at->second << text << '\n';
        return at->second ? Result<void>{} : cannot_write();
    }

    const SignatureSnapshot& older_;
    uint64_t most_, lines_ = 0;
    std::string into_;
    Snapshooter snapshot_;
    std::map<std::string, std::ofstream> outs_;
    int files_ = 0;
};

/// Numbers as they lie in memory, written and read on the same host, as a cache is.
std::string_view bytes_of(const uint64_t* numbers, size_t count) { return {reinterpret_cast<const char*>(numbers), count * sizeof(uint64_t)}; }

}  // namespace

Result<SignatureSnapshot> take_snapshot(const std::string& database_folder) {
    Snapshooter snapshooter;
    if (auto read = read_signatures(database_folder, snapshooter); !read) return fail(read.error());
    return snapshooter.ordered();
}

Result<void> save_snapshot(const SignatureSnapshot& snapshot, const std::string& path) {
    // Not through one string: this is as large as everything else that a scan has in memory.
    const std::string unfinished = path + ".new";
    std::ofstream out(unfinished, std::ios::binary | std::ios::trunc);
    uint64_t sum = fnv("");
    const auto write = [&](const uint64_t* numbers, size_t count) {
        const auto bytes = bytes_of(numbers, count);
        sum = fnv(bytes, sum);
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    };
    const std::array<uint64_t, 4> head{snapshot_mark, snapshot.matching.size(), snapshot.allowing.size(), snapshot.fixed.size()};
    write(head.data(), head.size());
    for (const auto* part : {&snapshot.matching, &snapshot.allowing, &snapshot.fixed}) write(part->data(), part->size());
    const uint64_t total = sum;
    write(&total, 1);
    out.close();
    if (!out || ::chmod(unfinished.c_str(), S_IRUSR | S_IWUSR) != 0 || std::rename(unfinished.c_str(), path.c_str()) != 0) {
        std::remove(unfinished.c_str());
        return fail(Errc::unavailable, "'" + path + "' cannot be written");
    }
    return {};
}

Result<SignatureSnapshot> load_snapshot(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const auto bad = [&] { return fail(Errc::invalid, "'" + path + "' is no snapshot of signatures"); };
    std::array<uint64_t, 4> head{};
    if (!in.read(reinterpret_cast<char*>(head.data()), sizeof head) || head[0] != snapshot_mark) return bad();
    if (head[1] > most_signatures || head[2] > most_signatures || head[3] > most_signatures) return bad();
    uint64_t sum = fnv(bytes_of(head.data(), head.size()));
    const auto part = [&](std::vector<uint64_t>& into, uint64_t count) {
        // In pieces: a head that promises more than the file has must not take the memory first.
        for (constexpr uint64_t piece = 1 << 17; count > 0 && in;) {
            const uint64_t now = std::min(count, piece);
            into.resize(into.size() + now);
            const auto bytes = static_cast<std::streamsize>(now * sizeof(uint64_t));
            char* at = reinterpret_cast<char*>(into.data() + (into.size() - now));
            if (!in.read(at, bytes)) return false;
            sum = fnv({at, static_cast<size_t>(bytes)}, sum);
            count -= now;
        }
        return std::is_sorted(into.begin(), into.end());
    };
    SignatureSnapshot out;
    uint64_t told = 0;
    if (!part(out.matching, head[1]) || !part(out.allowing, head[2]) || !part(out.fixed, head[3])) return bad();
    if (!in.read(reinterpret_cast<char*>(&told), sizeof told) || told != sum || in.peek() != std::ifstream::traits_type::eof()) return bad();
    return out;
}

Result<SignatureDelta> write_delta(const std::string& database_folder, const SignatureSnapshot& older, uint64_t most, const std::string& into) {
    DeltaWriter writer(older, most, into);
    if (auto read = read_signatures(database_folder, writer); !read) return fail(read.error());
    return writer.finish();
}

}  // namespace bailiff::agent
