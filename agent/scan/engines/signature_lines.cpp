// SPDX-License-Identifier: Apache-2.0
// Containers are 512 bytes of head and a tar, mostly packed by gzip; zlib reads one that is not packed as it is.
#include "agent/scan/engines/signature_lines.hpp"

#include "agent/scan/box/descriptor.hpp"
#include "agent/scan/engines/signature_set.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <memory>
#include <vector>

namespace bailiff::agent {
namespace {

namespace fs = std::filesystem;

constexpr size_t tar_block = 512, container_head = 512, longest_line = 1 << 20;
constexpr uint64_t largest_member = uint64_t{4} << 30, largest_fixed = 64 << 20;

/// A file's bytes in order, unpacked when it is packed.
class SignatureStream {
  public:
    static Result<SignatureStream> open(const std::string& path, size_t from) {
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || ::lseek(fd, static_cast<off_t>(from), SEEK_SET) < 0) {
            if (fd >= 0) ::close(fd);
            return fail(Errc::unavailable, "'" + path + "' cannot be read");
        }
        SignatureStream out(path, gzdopen(fd, "rb"));
        if (!out.file_) return fail(Errc::unavailable, "no memory to read '" + path + "'");
        gzbuffer(out.file_.get(), 256U << 10);
        return out;
    }
    /// Fewer than asked for only at the end.
    Result<size_t> read(char* into, size_t count) {
        const int got = gzread(file_.get(), into, static_cast<unsigned>(count));
        if (got < 0) return fail(Errc::unavailable, "'" + path_ + "' is damaged");
        return static_cast<size_t>(got);
    }
    const std::string& path() const { return path_; }

  private:
    struct Closer {
        void operator()(gzFile_s* file) const { gzclose(file); }
    };
    SignatureStream(std::string path, gzFile file) : path_(std::move(path)), file_(file) {}
    std::string path_;
    std::unique_ptr<gzFile_s, Closer> file_;
};

std::string extension_of(std::string_view name) {
    const size_t dot = name.rfind('.');
    return dot == name.npos ? "" : std::string(name.substr(dot + 1));
}

Result<void> take_line(SignatureKind kind, const std::string& extension, std::string_view line, SignatureReader& reader) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') return {};
    return reader.line(kind, extension, line);
}

/// `size` bytes of the stream, which are one signature file.
Result<void> read_member(SignatureStream& in, const std::string& extension, uint64_t size, SignatureReader& reader) {
    const SignatureKind kind = signature_kind(extension);
    const bool by_line = kind == SignatureKind::matching || kind == SignatureKind::allowing;
    std::vector<char> piece(256U << 10);
    std::string held;
    for (uint64_t left = size; left > 0;) {
        const auto got = in.read(piece.data(), static_cast<size_t>(std::min<uint64_t>(left, piece.size())));
        if (!got) return fail(got.error());
        if (*got == 0) return fail(Errc::unavailable, "'" + in.path() + "' ends early");
        left -= *got;
        if (kind == SignatureKind::silent) continue;
        held.append(piece.data(), *got);
        if (held.size() > (by_line ? longest_line + piece.size() : largest_fixed)) return fail(Errc::unavailable, "'" + in.path() + "' has a line or a part that is too long");
        if (!by_line) continue;
        size_t begin = 0;
        for (size_t end; (end = held.find('\n', begin)) != held.npos; begin = end + 1)
            if (auto taken = take_line(kind, extension, std::string_view(held).substr(begin, end - begin), reader); !taken) return taken;
        held.erase(0, begin);
    }
    if (by_line) return take_line(kind, extension, held, reader);
    return kind == SignatureKind::fixed ? reader.file(extension, held) : Result<void>{};
}

Result<void> read_container(const std::string& path, SignatureReader& reader) {
    auto in = SignatureStream::open(path, container_head);
    if (!in) return fail(in.error());
    const auto bad = [&] { return fail(Errc::unavailable, "'" + path + "' is no container of signatures of the form that is known"); };
    std::array<char, tar_block> head{};
    for (;;) {
        const auto got = in->read(head.data(), head.size());
        if (!got) return fail(got.error());
        if (*got == 0 || head[0] == 0) return {};
        if (*got != head.size()) return bad();
        const std::string name(head.data(), ::strnlen(head.data(), 100));
        uint64_t size = 0;
        const char* digits = std::find_if(head.data() + 124, head.data() + 136, [](char c) { return c != ' '; });
        if (std::from_chars(digits, head.data() + 136, size, 8).ec != std::errc() || size > largest_member) return bad();
        const char type = head[156];
        if (type != '0' && type != 0) return bad();
        if (auto read = read_member(*in, extension_of(name), size, reader); !read) return read;
        if (const size_t pad = static_cast<size_t>((tar_block - size % tar_block) % tar_block); pad > 0)
            if (const auto rest = in->read(head.data(), pad); !rest || *rest != pad) return bad();
    }
}

Result<void> read_plain(const std::string& path, const std::string& extension, SignatureReader& reader) {
    std::error_code error;
    const uint64_t size = fs::file_size(path, error);
    auto in = SignatureStream::open(path, 0);
    if (error || !in) return fail(Errc::unavailable, "'" + path + "' cannot be read");
    return read_member(*in, extension, size, reader);
}

}  // namespace

SignatureKind signature_kind(std::string_view extension) {
    static constexpr std::array matching{"hdb", "hdu", "hsb", "hsu", "mdb", "mdu", "msb", "msu", "ndb", "ndu", "ldb", "ldu", "cdb", "zmd", "rmd", "db", "sdb", "imp"};
    static constexpr std::array allowing{"fp", "sfp", "ign", "ign2", "wdb"};
    static constexpr std::array silent{"info", "dat", "sign"};
    const auto among = [&](const auto& list) { return std::any_of(list.begin(), list.end(), [&](const char* one) { return extension == one; }); };
    if (among(matching)) return SignatureKind::matching;
    if (among(allowing)) return SignatureKind::allowing;
    return among(silent) ? SignatureKind::silent : SignatureKind::fixed;
}

Result<void> read_signatures(const std::string& folder, SignatureReader& reader) {
    std::error_code error;
    std::vector<fs::path> files;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
        if (at->is_regular_file(error) && !at->path().filename().string().starts_with(set_signature_file)) files.push_back(at->path());
    if (error) return fail(Errc::unavailable, "the signatures' folder '" + folder + "' cannot be read: " + error.message());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        const std::string extension = extension_of(file.filename().string());
        const bool container = extension == "cvd" || extension == "cld" || extension == "cud";
        if (auto read = container ? read_container(file.string(), reader) : read_plain(file.string(), extension, reader); !read) return read;
    }
    return {};
}

}  // namespace bailiff::agent
