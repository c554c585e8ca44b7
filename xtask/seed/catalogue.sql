-- The demo catalogue: products for the first `cargo xtask up`.
--
-- The ids are fixed, so a second run adds no product and restores no deleted one. They are UUIDv7 like all other ids, and an
-- hour apart, so the products are listed in the reverse of this order.
with demo (id, name, description, price, currency, quantity) as (values
    ('019b8b74-1800-7000-8000-000000000001'::uuid, 'Gyokuro from Uji', 'Shade-grown green tea, first flush, 50 g. Brew at 50 °C for two minutes.', 2160, 'JPY', 120),
    ('019b8bab-0680-7000-8000-000000000002'::uuid, '煎茶 静岡', '深蒸し煎茶、一番茶。100 g 袋入り。', 1080, 'JPY', 300),
    ('019b8be1-f500-7000-8000-000000000003'::uuid, '抹茶 薄茶用', '石臼挽き、30 g 缶。', 1980, 'JPY', 85),
    ('019b8c18-e380-7000-8000-000000000004'::uuid, 'Hojicha', 'Roasted green tea with little caffeine, 150 g.', 864, 'JPY', 240),
    ('019b8c4f-d200-7000-8000-000000000005'::uuid, 'Genmaicha', 'Green tea with roasted rice, 150 g.', 756, 'JPY', 210),
    ('019b8c86-c080-7000-8000-000000000006'::uuid, '急須 常滑焼', '朱泥、内蓋つき、360 ml。', 5400, 'JPY', 18),
    ('019b8cbd-af00-7000-8000-000000000007'::uuid, '湯呑み 美濃焼', '夫婦湯呑み、二個組。', 3300, 'JPY', 42),
    ('019b8cf4-9d80-7000-8000-000000000008'::uuid, 'Tetsubin kettle', 'Cast iron from Morioka, 1.2 l. For water only: bare iron inside.', 24200, 'JPY', 6),
    ('019b8d2b-8c00-7000-8000-000000000009'::uuid, 'Bamboo whisk (chasen)', 'Eighty tines, split by hand.', 2750, 'JPY', 60),
    ('019b8d62-7a80-7000-8000-00000000000a'::uuid, '茶杓', '煤竹、筒つき。', 4180, 'JPY', 12),
    ('019b8d99-6900-7000-8000-00000000000b'::uuid, 'Furoshiki, indigo', 'Cotton wrapping cloth, 70 by 70 cm.', 1650, 'JPY', 150),
    ('019b8dd0-5780-7000-8000-00000000000c'::uuid, '手ぬぐい 青海波', '注染、綿百パーセント。', 1320, 'JPY', 200),
    ('019b8e07-4600-7000-8000-00000000000d'::uuid, 'Nambu iron trivet', 'For a hot kettle, 14 cm.', 2420, 'JPY', 35),
    ('019b8e3e-3480-7000-8000-00000000000e'::uuid, '漆塗り 汁椀', '欅、拭き漆。直径 12 cm。', 6600, 'JPY', 24),
    ('019b8e75-2300-7000-8000-00000000000f'::uuid, 'Chopsticks, cherry wood', '23 cm, with a rest.', 1540, 'JPY', 90),
    ('019b8eac-1180-7000-8000-000000000010'::uuid, '包丁 三徳', '青紙鋼、刃渡り 165 mm。', 14300, 'JPY', 9),
    ('019b8ee3-0000-7000-8000-000000000011'::uuid, 'Whetstone #1000', 'Medium grit, 205 by 75 by 25 mm.', 4950, 'JPY', 27),
    ('019b8f19-ee80-7000-8000-000000000012'::uuid, 'Washi notebook', 'Kozo paper, 64 leaves, stitched.', 1870, 'JPY', 75),
    ('019b8f50-dd00-7000-8000-000000000013'::uuid, '万年筆 細字', 'ブラック、コンバーター付属。', 11000, 'JPY', 15),
    ('019b8f87-cb80-7000-8000-000000000014'::uuid, 'Sumi ink stick', 'Pine soot, 15 g.', 3080, 'JPY', 33),
    ('019b8fbe-ba00-7000-8000-000000000015'::uuid, 'Linen apron', 'Washed linen with two pockets; one size.', 59.00, 'EUR', 40),
    ('019b8ff5-a880-7000-8000-000000000016'::uuid, 'Espresso cup', 'Porcelain, 80 ml.', 14.50, 'EUR', 260),
    ('019b902c-9700-7000-8000-000000000017'::uuid, 'Moka pot', 'Aluminium, three cups.', 32.90, 'EUR', 55),
    ('019b9063-8580-7000-8000-000000000018'::uuid, 'Olive oil, Puglia', 'Extra virgin, 500 ml, harvest of last autumn.', 18.75, 'EUR', 140),
    ('019b909a-7400-7000-8000-000000000019'::uuid, 'Beeswax candle', 'Burns for about 40 hours.', 12.00, 'EUR', 180),
    ('019b90d1-6280-7000-8000-00000000001a'::uuid, 'Felt slippers', 'Wool, leather sole; sizes 36 to 46.', 74.00, 'EUR', 64),
    ('019b9108-5100-7000-8000-00000000001b'::uuid, 'Enamel mug', 'Steel, 350 ml, for the camp fire.', 11.95, 'USD', 320),
    ('019b913f-3f80-7000-8000-00000000001c'::uuid, 'Canvas tote', 'Heavy cotton, 15 l.', 24.00, 'USD', 170),
    ('019b9176-2e00-7000-8000-00000000001d'::uuid, 'Field notebook', 'Three of 48 pages, dotted.', 12.95, 'USD', 410),
    ('019b91ad-1c80-7000-8000-00000000001e'::uuid, 'Wool blanket', 'Merino, 130 by 180 cm.', 189.00, 'USD', 11),
    ('019b91e4-0b00-7000-8000-00000000001f'::uuid, 'Pocket knife', 'Carbon steel, beech handle, 8 cm.', 16.50, 'USD', 95),
    ('019b921a-f980-7000-8000-000000000020'::uuid, 'Cast iron skillet', '26 cm, seasoned.', 44.00, 'USD', 48),
    ('019b9251-e800-7000-8000-000000000021'::uuid, 'Earl Grey', 'Black tea with bergamot, 125 g tin.', 9.80, 'GBP', 130),
    ('019b9288-d680-7000-8000-000000000022'::uuid, 'Shortbread', 'All butter, 200 g.', 4.25, 'GBP', 220),
    ('019b92bf-c500-7000-8000-000000000023'::uuid, 'Umbrella', 'Ash handle, eight ribs.', 85.00, 'GBP', 14),
    ('019b92f6-b380-7000-8000-000000000024'::uuid, 'Marmalade, thick cut', 'Seville oranges, 340 g. Sold out until January.', 5.60, 'GBP', 0)
),
listed as (
    insert into products (id, name, description, price, currency)
    select id, name, description, price, currency from demo
    on conflict (id) do nothing
    returning id
)
insert into inventory (product_id, quantity)
select id, quantity from demo join listed using (id);
