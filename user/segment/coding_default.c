// SPDX-License-Identifier: BSD-2-Clause
/*
 * Code lengths for sections too small to bring their own, one hexadecimal digit a
 * symbol: those of connections to web servers as tests/bench/mix.c makes them, with
 * a code for every symbol. Part of the format (FORMAT.md 3.13): never changed.
 */
#include <pthread.h>
#include "coding.h"

static const char *const usual[CODING_TABLES] = {
	[CODING_COUNT] =
		"b1a6969686867575655556565567799a9bababab9bababbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_COUNT + 1] =
		"b59595858474746454545454545576a9bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbba",
	[CODING_V4] =
		"9999888888898a998877666656676766554444444545555779bbbbbbbbbbbbbb",
	[CODING_V6_NET] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb9ba998887778bbbbaa99987867665545456bbbbbbbbbbbbb"
		"bbbbbbbbbbb244454668abbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_V6_HOST_NEXT] =
		"777777777777777777777777777777777777777777777777777777777777777777777777777777777777"
		"77777777777777777777777777777777777777777777",
	[CODING_V6_HOST] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbabaa988787755453322",
	[CODING_FIRST_TIME] =
		"6777666655555555554455555555555666667778bbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_TIME] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbabbbb"
		"bbbbbba9a9897889777767665555444444454688767767777778779887abbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbabbbbbbbbbabbb",
	[CODING_TIME + 1] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"aaaa999a88987777666655554555444544566788677777787778788989bbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbb",
	[CODING_TIME + 2] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbaaaa"
		"9999888877776667666655554455445555676777777767776777778889aabbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbb",
	[CODING_TIME + 3] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"aaaa99998888777766666666555655665667666666666666666666676677667767777778788989aaaaab"
		"abbbbbbbbbbbbbbb",
	[CODING_FIRST_PORT] =
		"7777777777777777777777777777777765565655665556565656665555566666",
	[CODING_PORT] =
		"b545454646666776687768876a976ba77bb88bb88bb88bb88bb88bb98bb99bb94578aaa898877bbbbaab"
		"b5555555a",
	[CODING_PORT + 1] =
		"b5353535355656566767687879797b898b998baa9baa9bba9bbaabbaabbaabbb779abbbbbbbaabbbbbbb"
		"b8888888b",
	[CODING_PORT + 2] =
		"b55544455655566556665776687669866b977b977ba77bb77bb77bb87bb87bb874569bbbbbbbbbbbbbbb"
		"bbbbbbbbb",
	[CODING_PORT + 3] =
		"6656666666666667776777777888999bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb1baaaaaaa99988888888"
		"876766778",
	[CODING_PORT + 4] =
		"bb877a976bb67bb67bb66bb66bb66bb66bb77bb77bb77bb77bb77bb77bb77bb794568998877667777777"
		"744444457",
	[CODING_PORT + 5] =
		"bb8b8b8b8bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb8aa99887766655555555"
		"534344445",
	[CODING_UNIFORM] =
		"124566778899aaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_UNIFORM + 1] =
		"b222457667b9998baaaa9aabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_ENDPOINT] =
		"223345667788999aaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_ENDPOINT + 1] =
		"124566778899aaababbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_ENDPOINT + 2] =
		"2145667788999babbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_ENDPOINT + 3] =
		"3314656788999899a9bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_ENDPOINT + 4] =
		"4442334555667779999aaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_FIRST_RTT] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbaaaabbbbbbbbbbbbbbbbbbaa9888"
		"8888777777776655655555567777666666665555555545bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	[CODING_RTT] =
		"15455555566666666778899bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbaaa",
	[CODING_CLOSE] =
		"4444444443339999999999999999999999998888",
	[CODING_LASTED] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb777777777"
		"777777777777777777777777777777777777777777777777777777777777777777777777766666666666"
		"6666666bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbaaaaaaaaaaaa",
	[CODING_CLOSE_RTT] =
		"199999999999999999999999999999999999999999999999999999999999999999999999999999999999"
		"999999999999999999999999999999999999999999999999999999999999999999999999999999999999"
		"999999999999999999999999999999999999999999999999999999988888888888888888",
};

/* Made once from the digits above. */
static struct {
	uint8_t lengths[CODING_TABLES][HUFFMAN_SYMBOLS_MAX];
	struct huffman_code codes[CODING_TABLES];
	struct huffman_decoder decoders[CODING_TABLES];
} made;
static pthread_once_t make_once = PTHREAD_ONCE_INIT;

static void make(void)
{
	for (unsigned int t = 0; t < CODING_TABLES; t++) {
		for (unsigned int s = 0; s < coding_symbols[t]; s++) {
			char digit = usual[t][s];

			made.lengths[t][s] = (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
		}
		huffman_encoder(made.lengths[t], coding_symbols[t], &made.codes[t]);
		huffman_decoder(made.lengths[t], coding_symbols[t], &made.decoders[t]);
	}
}

const uint8_t *coding_default_lengths(unsigned int table)
{
	pthread_once(&make_once, make);
	return made.lengths[table];
}

const struct huffman_code *coding_default_code(unsigned int table)
{
	pthread_once(&make_once, make);
	return &made.codes[table];
}

const struct huffman_decoder *coding_default_decoder(unsigned int table)
{
	pthread_once(&make_once, make);
	return &made.decoders[table];
}
