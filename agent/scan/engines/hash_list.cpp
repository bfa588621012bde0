// SPDX-License-Identifier: Apache-2.0
// One pass over the file: each piece that is read goes into the digest and then, line by line, into the table.
#include "agent/scan/engines/hash_list.hpp"

#include "agent/scan/box/descriptor.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

namespace bailiff::agent {
namespace {

constexpr size_t piece = 1U << 20, largest_key_file = 1U << 16;
constexpr size_t longest_line = 64 + 1 + longest_hash_name;

/// A regular file that is read once, from its beginning to its end, with the digest of all but its first line.
class HashFile {
  public:
    Result<void> open(const std::string& path) {
        file_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
        struct stat status {};
        if (!file_ || ::fstat(file_.fd(), &status) != 0) return fail(Errc::unavailable, std::string("cannot be opened: ") + std::strerror(errno));
        if (!S_ISREG(status.st_mode)) return fail(Errc::invalid, "is no regular file; name the list's file");
        size_ = static_cast<uint64_t>(status.st_size);
        if (size_ > largest_hash_list) return fail(Errc::invalid, "is larger than " + std::to_string(largest_hash_list >> 20) + " MiB; make several lists");
        context_.reset(EVP_MD_CTX_new());
        if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) return fail(Errc::unavailable, "cannot be checked: OpenSSL has no SHA-256");
        return {};
    }
    uint64_t size() const { return size_; }

    /// The next line without its newline; nothing at the end of the file. An error when it is longer than `most`, has no
    /// newline, or cannot be read. It is good until the next call.
    Result<std::optional<std::string_view>> line(size_t most) {
        for (;;) {
            const char* const end = begin_ < buffer_.size() ? static_cast<const char*>(std::memchr(buffer_.data() + begin_, '\n', buffer_.size() - begin_)) : nullptr;
            const size_t length = end ? static_cast<size_t>(end - (buffer_.data() + begin_)) : buffer_.size() - begin_;
            if (length > most) return fail(Errc::invalid, "has a line that is longer than any of a list");
            if (end) {
                const std::string_view out(buffer_.data() + begin_, length);
                begin_ += length + 1;
                return std::optional(out);
            }
            if (ended_) {
                if (length > 0) return fail(Errc::invalid, "ends in the middle of a line: a part is missing; fetch it anew");
                return std::optional<std::string_view>();
            }
            if (const auto more = fill(); !more) return fail(more.error());
        }
    }

    /// From here on lines count for the digest.
    void begin_digest() {
        digesting_ = true;
        EVP_DigestUpdate(context_.get(), buffer_.data() + begin_, buffer_.size() - begin_);
    }
    std::string digest() {
        ContentDigest out{};
        EVP_DigestFinal_ex(context_.get(), out.data(), nullptr);
        return hex_of(out);
    }

  private:
    Result<void> fill() {
        buffer_.erase(0, begin_);
        begin_ = 0;
        const size_t had = buffer_.size();
        buffer_.resize(had + piece);
        ssize_t got = 0;
        do got = ::read(file_.fd(), buffer_.data() + had, piece);
        while (got < 0 && errno == EINTR);
        buffer_.resize(had + (got > 0 ? static_cast<size_t>(got) : 0));
        if (got < 0) return fail(Errc::unavailable, std::string("cannot be read: ") + std::strerror(errno));
        if (got == 0) ended_ = true;
        if (digesting_ && got > 0) EVP_DigestUpdate(context_.get(), buffer_.data() + had, static_cast<size_t>(got));
        return {};
    }

    struct ContextCloser {
        void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    Descriptor file_;
    uint64_t size_ = 0;
    std::string buffer_;
    size_t begin_ = 0;
    bool ended_ = false, digesting_ = false;
    std::unique_ptr<EVP_MD_CTX, ContextCloser> context_;
};

}  // namespace

Result<HashList> HashList::load(const std::string& path, const TrustedKeys& keys) {
    const auto refuse = [&](const Error& error) { return fail(error.code, "the hash list '" + path + "' is not used: " + error.text); };
    const auto damaged = [&](const std::string& what) { return refuse({Errc::invalid, what + "; fetch it anew, or make it again with 'bailiffctl hashes sign'"}); };
    HashFile file;
    if (const auto opened = file.open(path); !opened) return refuse(opened.error());
    const auto first = file.line(longest_hash_list_head);
    if (!first) return damaged("it " + first.error().text);
    if (!*first) return damaged("it is empty");
    HashList out;
    auto head = open_hash_list_head(**first, keys);
    if (!head) return refuse(head.error());
    out.head_ = std::move(*head);
    file.begin_digest();
    const auto count = static_cast<size_t>(out.head_.entries);
    const bool bad = out.head_.kind == HashListKind::bad;
    // The file's size bounds what is asked for: a signed number alone makes no list large.
    if (file.size() / 65 < count) return damaged("it is shorter than what was signed");
    out.digests_.reserve(count);
    if (bad) {
        out.names_.reserve(count + 1);
        out.text_.reserve(file.size() - 65 * count);
    }
    for (;;) {
        const auto line = file.line(longest_line);
        if (!line) return damaged("it " + line.error().text);
        if (!*line) break;
        ContentDigest digest{};
        std::string_view name;
        if (!read_hash_entry(**line, out.head_.kind, digest, name)) return damaged("line " + std::to_string(out.digests_.size() + 2) + " is no entry of a list");
        if (out.digests_.size() == count) return damaged("it has more entries than were signed");
        if (!out.digests_.empty() && !(out.digests_.back() < digest)) return damaged("its entries are not in rising order");
        out.digests_.push_back(digest);
        if (!bad) continue;
        out.names_.push_back(static_cast<uint32_t>(out.text_.size()));
        out.text_ += name;
    }
    if (out.digests_.size() != count) return damaged("it has fewer entries than were signed");
    if (file.digest() != out.head_.sha256) return damaged("its entries are not those that were signed");
    if (bad) out.names_.push_back(static_cast<uint32_t>(out.text_.size()));
    return out;
}

std::optional<std::string_view> HashList::find(const ContentDigest& content) const {
    const auto found = std::lower_bound(digests_.begin(), digests_.end(), content);
    if (found == digests_.end() || *found != content) return std::nullopt;
    if (names_.empty()) return std::string_view();
    const auto at = static_cast<size_t>(found - digests_.begin());
    return std::string_view(text_).substr(names_[at], names_[at + 1] - names_[at]);
}

ScanEngine HashList::facts() const {
    ScanEngine out;
    out.name = std::string(hash_engine);
    out.version = head_.name + " " + std::to_string(head_.version) + " (" + std::string(name(head_.kind)) + ", " + std::to_string(head_.entries) + " contents, " + format_rfc3339(head_.made_at) + ")";
    out.set = "hashes " + std::string(name(head_.kind)) + " " + head_.sha256;
    return out;
}

Result<HashLists> HashLists::load(const std::vector<std::string>& files, const std::vector<std::string>& key_files) {
    HashLists out;
    TrustedKeys keys;
    for (const auto& path : key_files) {
        std::ifstream in(path, std::ios::binary);
        if (!in) return fail(Errc::unavailable, "the key file '" + path + "' of --hash-list-key cannot be opened; name a file that this program may read");
        std::string text(largest_key_file, '\0');
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<size_t>(in.gcount()));
        auto read = read_public_keys(text);
        if (!read) return fail(Errc::invalid, "the key file '" + path + "' of --hash-list-key cannot be used: " + read.error().text);
        keys.merge(*read);
    }
    if (!files.empty() && keys.empty()) return fail(Errc::invalid, "--hash-list needs --hash-list-key: the public key whose owner signs such lists");
    for (const auto& path : files) {
        auto list = HashList::load(path, keys);
        if (!list) return fail(list.error());
        out.lists_.push_back(std::move(*list));
    }
    return out;
}

std::vector<ScanEngine> HashLists::facts() const {
    std::vector<ScanEngine> out;
    for (const auto& list : lists_) out.push_back(list.facts());
    return out;
}

std::vector<std::string> HashLists::bad(const ContentDigest& content) const {
    std::vector<std::string> out;
    for (const auto& list : lists_)
        if (list.head().kind == HashListKind::bad)
            if (const auto name = list.find(content); name && std::find(out.begin(), out.end(), *name) == out.end()) out.emplace_back(*name);
    return out;
}

bool HashLists::good(const ContentDigest& content) const {
    return std::any_of(lists_.begin(), lists_.end(), [&](const HashList& list) { return list.head().kind == HashListKind::good && list.find(content); });
}

}  // namespace bailiff::agent
