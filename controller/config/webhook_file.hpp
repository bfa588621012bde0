// SPDX-License-Identifier: Apache-2.0
// A folder of webhook files -> core::Webhook. Each is {"url", "secret_file", "format", "facts"}; its name is its id.
#pragma once

#include "controller/config/document.hpp"
#include "controller/core/webhook.hpp"

#include <filesystem>
#include <vector>

namespace bailiff {

/// A secret's text, "whsec_" and base64 of 24 to 64 bytes, as Standard Webhooks writes it -> the bytes. Errors: invalid.
Result<std::string> parse_webhook_secret(std::string text);

/// Sorted by id. A secret's file is named from the folder, and read.
std::vector<core::Webhook> load_webhooks(const std::filesystem::path& folder, std::vector<FileMistakes>& mistakes);

}  // namespace bailiff
