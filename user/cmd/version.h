/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SEKISHO_VERSION_H
#define SEKISHO_VERSION_H

#define SEKISHO_VERSION "0.1"

#endif
