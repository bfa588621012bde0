// SPDX-License-Identifier: Apache-2.0
// qemu-img, without a shell, with limits: it parses what strangers wrote.
#pragma once

#include <bailiff/result.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace bailiff::agent {

/// What the image's own header says; the format is given, never probed.
struct ImageInfo {
    int64_t virtual_bytes = 0;
    std::string backing;  ///< absolute path or as written; empty when the image stands alone
    std::string backing_format;
    bool data_file = false;  ///< qcow2: its data lie in another file
};

Result<ImageInfo> image_info(const std::string& path, const std::string& format);
/// A new, empty qcow2 that stands alone.
Result<void> create_image(const std::string& path, int64_t virtual_bytes);
/// Writes what a guest sees of `from` into `to`: a new image, or one that exists and keeps its kind and backing file.
Result<void> convert_image(const std::string& from, const std::string& from_format, const std::string& to,
                           const std::string& to_format, bool exists, std::chrono::milliseconds timeout);
/// A new, empty qcow2 of the base's size.
Result<void> create_overlay(const std::string& path, const std::string& base, const std::string& base_format);
/// Writes an overlay's changes into its base and leaves the overlay as it is, so that it can be repeated.
Result<void> commit_overlay(const std::string& path, std::chrono::milliseconds timeout);

}  // namespace bailiff::agent
